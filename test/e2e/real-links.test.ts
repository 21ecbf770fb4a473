import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import { commitsBetween, readWalCommits } from '../../bench/wal-commits.ts';
import { spawnKubectl } from '../../hack/lab/kubectl.ts';
import { waitFor } from '../../hack/lab/wait.ts';
import { faultSeed } from '../fault/kills/kill-rounds.ts';
import { linkFaults } from '../fault/links/link-faults.ts';
import { Random } from '../fuzz/random.ts';
import { isRunning, onEveryControlPlane, shellPod, type Cluster } from './cluster.ts';
import { reconnectCost } from './real-links/reconnect-cost.ts';
import { slowLink } from './real-links/slow-link.ts';
import { onlyTunnelBytes } from './real-links/tunnel-bytes.ts';

async function idleTest(t: Test, cluster: Cluster): Promise<void> {
  const names = Array.from({ length: 10 }, (_, n) => `quiet-${n}`);
  await cluster.apply(...names.map((name) => shellPod(cluster, name, 'sleep 100000')));
  for (const name of names) await cluster.untilPod(name, 'Running', isRunning, 60_000);
  // Tolerations and last statuses are still on their way for a moment after the pods are Ready.
  let before = await onlyTunnelBytes(cluster.site.device);
  await waitFor(
    async () => {
      await delay(5_000);
      const now = await onlyTunnelBytes(cluster.site.device);
      const quiet = now - before < 100;
      before = now;
      return quiet;
    },
    { what: 'the site to be quiet', timeoutMs: 90_000 },
  );
  const store = join(cluster.site.device.dir, 'towline', 'store.db-wal');
  const log = readWalCommits(store);
  await delay(60_000);
  const commits = commitsBetween(log, readWalCommits(store));
  t.ok(commits <= 1, `${commits} transactions in a minute, at most 1`);
  const bytes = (await onlyTunnelBytes(cluster.site.device)) - before;
  t.comment(`${bytes} bytes in a minute`);
  t.ok(bytes > 0, 'it says that it is alive');
  t.ok(bytes <= 500, `${bytes} bytes in a minute, at most 500`);
  await t.test('nor does a new connection', (t) => reconnectCost(t, cluster));
  await cluster.kubectl('delete', 'pods', '--all', '--timeout=60s');
}

async function blackHoleTest(t: Test, cluster: Cluster): Promise<void> {
  const { site, namespace } = cluster;
  const connected = async (): Promise<string> =>
    cluster.kubectl(
      ...['get', 'site', site.name, '-n', namespace, '-o'],
      'jsonpath={.status.conditions[?(@.type=="Connected")].status}',
    );
  await site.device.blackhole();
  const cutAtMs = performance.now();
  await waitFor(async () => (await connected()) !== 'True', {
    ...{ what: 'the dead connection to be noticed', timeoutMs: 45_000, intervalMs: 200 },
  });
  const noticedMs = performance.now() - cutAtMs;
  t.ok(noticedMs < 33_000, `the connection was declared dead after ${Math.round(noticedMs)} ms`);
  await site.device.unblackhole();
  const backAtMs = performance.now();
  await waitFor(async () => (await connected()) === 'True', {
    ...{ what: 'the site to be connected again', timeoutMs: 20_000, intervalMs: 200 },
  });
  const tookMs = performance.now() - backAtMs;
  t.ok(tookMs < 11_000, `it was connected again after ${Math.round(tookMs)} ms`);
}

async function bulkTest(t: Test, cluster: Cluster): Promise<void> {
  await cluster.apply(shellPod(cluster, 'bulk', 'sleep 100000'));
  await cluster.untilPod('bulk', 'Running', isRunning);
  for (let n = 0; n < 5; n += 1) {
    const args = [
      '-n',
      cluster.namespace,
      'exec',
      'bulk',
      '--',
      'dd',
      'if=/dev/zero',
      'bs=64k',
      'count=1024',
    ];
    const child = spawnKubectl(cluster.plane.adminKubeconfig, args);
    let bytes = 0;
    child.stdout.on('data', (chunk: Buffer) => (bytes += chunk.length));
    const code = await new Promise((resolve) => child.once('close', resolve));
    t.same({ code, bytes }, { code: 0, bytes: 64 * 1024 * 1024 }, `copy ${n + 1} arrives whole`);
  }
}

/** `npm run test:fault` has more of it. */
async function inTrouble(t: Test, cluster: Cluster): Promise<void> {
  const seed = faultSeed();
  t.comment(`FAULT_SEED=${seed}`);
  const random = new Random(seed);
  await linkFaults(t, cluster, { random, flappingMs: 12_000, lostDirectionMs: [6_000] });
}

await onEveryControlPlane(async (t, cluster) => {
  await t.test('much output arrives whole, again and again', (t) => bulkTest(t, cluster));
  await t.test('a slow uplink is shared fairly', (t) => slowLink(t, cluster));
  await t.test('a black hole is noticed, and its end too', (t) => blackHoleTest(t, cluster));
  await t.test('an uplink in trouble', (t) => inTrouble(t, cluster));
  await t.test('ten quiet pods cost next to nothing', (t) => idleTest(t, cluster));
});
