import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import { spawnKubectl, spawnKubectlOnTerminal } from '../../../hack/lab/kubectl.ts';
import { waitFor } from '../../../hack/lab/wait.ts';
import { isRunning, shellPod, type Cluster } from '../cluster.ts';

/** A key's echo beside a copy and a log on 1 Mbit/s, on a connection that was fast until then. */
export async function slowLink(t: Test, cluster: Cluster): Promise<void> {
  const { site, plane, namespace } = cluster;
  const spawn = (...args: string[]): ReturnType<typeof spawnKubectl> =>
    spawnKubectl(plane.adminKubeconfig, ['-n', namespace, ...args]);
  const chatter =
    'head -c 20000000 /dev/urandom > /tmp/big; while :; do cat /proc/meminfo; sleep 0.01; done';
  await cluster.apply(
    shellPod(cluster, 'chatty', chatter),
    shellPod(cluster, 'editor', 'sleep 100000'),
  );
  await cluster.untilPod('chatty', 'Running', isRunning);
  await cluster.untilPod('editor', 'Running', isRunning);
  const typing = spawnKubectlOnTerminal(
    plane.adminKubeconfig,
    ['-n', namespace, 'exec', '-it', 'editor', '--', 'cat'],
    { rows: 24, columns: 80 },
  );
  await typeKeys(typing, 3);
  for (let n = 0; n < 3; n += 1) await cluster.kubectl('exec', 'chatty', '--', 'cat', '/tmp/big');
  await site.device.limitUplink(1_000);
  const alone = await typeKeys(typing, 20);
  const load = [spawn('exec', 'chatty', '--', 'cat', '/tmp/big'), spawn('logs', '-f', 'chatty')];
  for (const child of load) child.stdout.resume();
  await Promise.all(
    load.map((child) => new Promise((resolve) => child.stdout.once('data', resolve))),
  );
  const busy = await typeKeys(typing, 60);
  const p = (times: number[], share: number): number =>
    Math.round((times[Math.floor(times.length * share)] ?? NaN) * 10) / 10;
  t.comment(
    `a key takes ${p(alone, 0.5)} ms alone, ${p(busy, 0.5)} (p95 ${p(busy, 0.95)}) ms beside a copy and a log`,
  );
  t.ok(p(busy, 0.5) < p(alone, 0.5) + 150, 'a key does not wait behind a file copy');
  t.ok(p(busy, 0.95) < p(alone, 0.95) + 400, 'nor does one in twenty, on a busy machine');
  await cluster.apply(shellPod(cluster, 'late', 'sleep 100000'));
  await cluster.untilPod('late', 'Running', isRunning, 15_000);
  t.pass('a pod’s status goes through as well');
  for (const child of [...load, typing]) child.kill();
  await site.device.limitUplink(undefined);
  await cluster.kubectl('delete', 'pods', '--all', '--timeout=60s');
}

/** Types a key and waits for its echo, again and again; gives the round trips in ms, sorted. */
async function typeKeys(child: ReturnType<typeof spawnKubectl>, count: number): Promise<number[]> {
  const times: number[] = [];
  let seen = '';
  child.stdout.on('data', (chunk: Buffer) => (seen += chunk.toString()));
  for (let n = 0; n < count; n += 1) {
    const startedAtMs = performance.now();
    const key = `key-${n};`;
    child.stdin.write(`${key}\n`);
    await waitFor(() => seen.includes(key), {
      ...{ what: `the echo of ${key}`, timeoutMs: 10_000, intervalMs: 1 },
    });
    times.push(performance.now() - startedAtMs);
    await delay(100);
  }
  return times.sort((a, b) => a - b);
}
