import { performance } from 'node:perf_hooks';
import t, { type Test } from 'tap';
import { snapshotRequirements } from '../../../hack/lab/etcd-snapshot.ts';
import { ensurePackages } from '../../../hack/lab/packages.ts';
import { waitFor } from '../../../hack/lab/wait.ts';
import type { Pod } from '../../../src/kube/api.ts';
import { isRunning, shellPod, type Cluster } from '../cluster.ts';
import { containerId, storyPod, told } from './story.ts';

/** So much more is written after the backup than while all starts again. */
const laterWrites = 300;
/** How long cloud and device may take to agree once the API server is back. */
const agreeWithinMs = 60_000;

/**
 * The cluster loses what was written after a backup, and its resource versions go back with it. The provider
 * isn't started again. What still exists runs on, what doesn't any more vanishes, and what both ends do
 * from then on takes effect.
 */
export async function restoredStore(t: Test, cluster: Cluster): Promise<void> {
  await ensurePackages(comment, snapshotRequirements);
  const { plane, site } = cluster;
  await cluster.apply(
    configMap('settings', '1'),
    storyPod(cluster, 'kept'),
    reader(cluster),
    flaky(cluster),
    shellPod(cluster, 'deleted', 'sleep 100000'),
  );
  const before = new Map<string, Pod>();
  for (const name of ['kept', 'reader', 'flaky', 'deleted']) {
    before.set(name, await cluster.untilPod(name, 'Running', isRunning, 60_000));
  }
  const snapshot = await plane.backUp();
  t.comment(
    `after the backup a ConfigMap is changed, a pod made, one deleted, one crashes, and ${laterWrites} ConfigMaps are made; then etcd is restored`,
  );

  await cluster.apply(configMap('settings', '2'), shellPod(cluster, 'later', 'sleep 100000'));
  const later = await cluster.untilPod('later', 'Running', isRunning);
  await cluster.kubectl('delete', 'pod', 'deleted', '--timeout=30s');
  await cluster.kubectl('exec', 'flaky', '--', 'touch', '/tmp/crash');
  const crashed = await cluster.untilPod('flaky', 'started again', hasRestarted);
  const many = Array.from({ length: laterWrites }, (_, n) => configMap(`later-${n}`, ''));
  await cluster.apply(...many);
  const versionBefore = await newestVersion(cluster);
  await plane.restore(snapshot);
  const startedAtMs = performance.now();
  const versionAfter = await newestVersion(cluster);
  t.ok(versionAfter < versionBefore, `versions go back from ${versionBefore} to ${versionAfter}`);

  await t.test('what was made after the backup is gone from the site', async (t) => {
    await untilGone(cluster, later);
    const tookMs = Math.round(performance.now() - startedAtMs);
    t.pass(`nothing of it is left on the device ${tookMs} ms after the API server was back`);
    t.equal(await cluster.pod('later'), undefined, 'nor in the API');
  });

  await t.test('what still exists runs on, and the API hears how', async (t) => {
    const flaky = await cluster.untilPod('flaky', 'started again', hasRestarted, agreeWithinMs);
    t.equal(containerId(flaky), containerId(crashed), 'the crash of "flaky" is told again');
    for (const name of ['kept', 'reader']) {
      const pod = await cluster.untilPod(name, 'Running', isRunning, agreeWithinMs);
      t.equal(pod.metadata.uid, before.get(name)?.metadata.uid, `${name} is the same pod`);
      t.equal(containerId(pod), containerId(before.get(name)), `${name} is the same container`);
    }
    t.same(await told(cluster, 'kept'), ['first starts'], '"kept" has begun once');
  });

  await t.test('what was deleted after the backup exists, so it runs', async (t) => {
    const pod = await cluster.untilPod('deleted', 'Running', isRunning, agreeWithinMs);
    t.equal(pod.metadata.uid, before.get('deleted')?.metadata.uid, 'it is the same pod');
    t.not(containerId(pod), containerId(before.get('deleted')), 'in another container');
  });

  await t.test('the site has what the backup says, and what is written from now on', async (t) => {
    await untilRead(cluster, '1');
    t.pass('the ConfigMap that was changed after the backup is as it was before');
    await cluster.apply(configMap('settings', '3'), shellPod(cluster, 'fresh', 'sleep 100000'));
    await untilRead(cluster, '3');
    t.pass('a change of it reaches its pod');
    await cluster.untilPod('fresh', 'Running', isRunning, agreeWithinMs);
    const { code } = await cluster.tryKubectl(['exec', 'fresh', '--', 'true']);
    t.equal(code, 0, 'a new pod runs, and exec reaches it');
    const ready = '-o=jsonpath={.status.conditions[?(@.type=="Ready")].status}';
    t.equal(
      await cluster.kubectl('get', 'node', site.nodeName, ready),
      'True',
      'the node is ready',
    );
  });
  await cluster.kubectl('delete', 'pod', 'kept', 'reader', 'flaky', 'deleted', 'fresh');
}

function comment(line: string): void {
  t.comment(line);
}

function configMap(name: string, value: string): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { value } };
}

function reader(cluster: Cluster): object {
  return shellPod(
    cluster,
    'reader',
    'sleep 100000',
    { volumes: [{ name: 'settings', configMap: { name: 'settings' } }] },
    { volumeMounts: [{ name: 'settings', mountPath: '/settings' }] },
  );
}

function flaky(cluster: Cluster): object {
  return shellPod(cluster, 'flaky', 'while [ ! -f /tmp/crash ]; do sleep 0.2; done; exit 9');
}

function hasRestarted(pod: Pod): boolean {
  return isRunning(pod) && pod.status?.containerStatuses?.[0]?.restartCount === 1;
}

async function newestVersion(cluster: Cluster): Promise<number> {
  const list = await cluster.kubectl('get', '--raw', '/api/v1/nodes?limit=1');
  const { metadata } = JSON.parse(list) as { metadata: { resourceVersion: string } };
  return Number(metadata.resourceVersion);
}

/** Nothing of a pod is left on the device. */
async function untilGone({ site }: Cluster, { metadata }: Pod): Promise<void> {
  const uid = metadata.uid ?? '';
  const filter = `labels."io.kubernetes.pod.uid"==${uid}`;
  const folder = `${site.device.dir}/towline/pods/${uid}`;
  await waitFor(
    async () => {
      const containers = await site.device.ctr('containers', 'ls', '-q', filter);
      const { code } = await site.device.run('test', ['-e', folder]);
      return containers.trim() === '' && code !== 0;
    },
    { what: `pod ${metadata.name} to be gone from its device`, timeoutMs: agreeWithinMs },
  );
}

async function untilRead(cluster: Cluster, value: string): Promise<void> {
  await waitFor(
    async () => {
      const args = ['exec', 'reader', '--', 'cat', '/settings/value'];
      return (await cluster.tryKubectl(args)).stdout === value;
    },
    { what: `the pod to read ${value}`, timeoutMs: agreeWithinMs, intervalMs: 200 },
  );
}
