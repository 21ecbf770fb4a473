import { mkdir } from 'node:fs/promises';
import type { Test } from 'tap';
import { busyboxImage } from '../../hack/lab/images.ts';
import { waitFor } from '../../hack/lab/wait.ts';
import type { Node, Pod } from '../../src/kube/api.ts';
import {
  disconnectGraceMs,
  isRunning,
  onEveryControlPlane,
  placement,
  shellPod,
  type Cluster,
} from './cluster.ts';
import { evicted } from './conflicts/evicted.ts';
import { lostStore } from './conflicts/lost-store.ts';
import { moved } from './conflicts/moved.ts';
import { restoredStore } from './conflicts/restored-store.ts';
import {
  containerId,
  script,
  storyDir,
  storyMount,
  storyPod,
  storyVolume,
  told,
} from './conflicts/story.ts';
import { withdrawn } from './conflicts/withdrawn.ts';

const otherImage = 'docker.io/library/busybox:other';

async function untilNodeIs(cluster: Cluster, status: 'True' | 'Unknown'): Promise<void> {
  await waitFor(
    async () => {
      const query = ['get', 'node', cluster.site.nodeName, '-o', 'json'];
      const { stdout, code } = await cluster.tryKubectl(query);
      if (code !== 0) return false;
      const conditions = (JSON.parse(stdout) as Node).status?.conditions ?? [];
      return conditions.some(
        (condition) => condition.type === 'Ready' && condition.status === status,
      );
    },
    { what: `the node to be Ready=${status}`, timeoutMs: disconnectGraceMs + 60_000 },
  );
}

function uidOfNode(cluster: Cluster): Promise<string> {
  return cluster.kubectl('get', 'node', cluster.site.nodeName, '-o=jsonpath={.metadata.uid}');
}

/** What happens to pods in the cloud while their site can't be reached. */
async function whileAway(t: Test, cluster: Cluster): Promise<void> {
  const { site } = cluster;
  await mkdir(storyDir(cluster), { recursive: true });
  await site.device.ctr('images', 'tag', busyboxImage, otherImage);
  await cluster.apply(
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'conf' }, data: { a: '1' } },
    shellPod(
      cluster,
      'uses',
      'sleep 100000',
      { volumes: [{ name: 'conf', configMap: { name: 'conf' } }] },
      { volumeMounts: [{ name: 'conf', mountPath: '/conf' }] },
    ),
    storyPod(cluster, 'replaced'),
    storyPod(cluster, 'changed'),
    statefulSet(cluster),
  );
  const names = ['uses', 'replaced', 'changed', 'db-0'];
  const before = new Map<string, Pod>();
  for (const name of names) before.set(name, await cluster.untilPod(name, 'Running', isRunning));

  await site.device.uplinkDown();
  await untilNodeIs(cluster, 'Unknown');
  await cluster.kubectl('delete', 'configmap', 'conf');
  await cluster.kubectl('delete', 'pod', 'replaced', '--force', '--grace-period=0');
  await cluster.apply(storyPod(cluster, 'replaced', 'second'));
  await cluster.kubectl('set', 'image', 'pod/changed', `main=${otherImage}`);
  await cluster.kubectl('delete', 'pod', 'db-0', '--wait=false');
  const db = await cluster.untilPod('db-0', 'Terminating', ({ metadata }) => {
    return metadata.deletionTimestamp !== undefined;
  });
  t.equal(db.metadata.uid, before.get('db-0')?.metadata.uid, 'a StatefulSet makes no second pod');
  const nodeUid = await uidOfNode(cluster);
  await cluster.kubectl('delete', 'node', site.nodeName);
  t.match(
    await cluster.tryKubectl(['get', 'node', site.nodeName]),
    { code: 1 },
    'a Node that is deleted is not made again while its site is away',
  );
  await site.device.uplinkUp();
  await untilNodeIs(cluster, 'True');
  t.not(await uidOfNode(cluster), nodeUid, 'and is made again by the site that is back');

  await t.test('a ConfigMap deleted while in use leaves its pod alone', async (t) => {
    const pod = await cluster.untilPod('uses', 'Running', isRunning);
    t.equal(containerId(pod), containerId(before.get('uses')));
    t.equal(await cluster.kubectl('exec', 'uses', '--', 'cat', '/conf/a'), '1');
    const id = containerId(pod)?.split('//')[1] ?? '';
    await site.device.ctr('tasks', 'kill', '-s', 'SIGKILL', id);
    await cluster.untilPod('uses', 'restarted', (found) => {
      return isRunning(found) && containerId(found) !== containerId(pod);
    });
    t.equal(
      await cluster.kubectl('exec', 'uses', '--', 'cat', '/conf/a'),
      '1',
      'also when its container starts again',
    );
  });

  await t.test('a pod replaced under its name ends before the new one starts', async (t) => {
    const pod = await cluster.untilPod('replaced', 'Running', isRunning, 60_000);
    t.not(pod.metadata.uid, before.get('replaced')?.metadata.uid);
    t.same(await told(cluster, 'replaced'), ['first starts', 'first ends', 'second starts']);
  });

  await t.test('a pod whose image was changed runs the new one', async (t) => {
    const pod = await cluster.untilPod(
      'changed',
      'restarted',
      (found) => isRunning(found) && containerId(found) !== containerId(before.get('changed')),
      60_000,
    );
    t.equal(pod.metadata.uid, before.get('changed')?.metadata.uid);
    t.match(pod.status?.containerStatuses, [{ restartCount: 1 }]);
  });

  await t.test('a StatefulSet’s pod is replaced only when the site has ended it', async (t) => {
    const pod = await cluster.untilPod(
      'db-0',
      'another',
      (found) => isRunning(found) && found.metadata.uid !== before.get('db-0')?.metadata.uid,
      60_000,
    );
    t.ok(pod);
    t.same(await told(cluster, 'db-0'), ['db starts', 'db ends', 'db starts']);
  });
}

function statefulSet(cluster: Cluster): object {
  const labels = { app: 'db' };
  const container = {
    ...{ name: 'main', image: busyboxImage, ...storyMount },
    command: ['sh', '-c', script('db')],
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'db' },
    spec: {
      ...{ replicas: 1, serviceName: 'db', selector: { matchLabels: labels } },
      template: {
        metadata: { labels },
        spec: {
          ...{ ...placement(cluster), ...storyVolume(cluster), containers: [container] },
          terminationGracePeriodSeconds: 10,
        },
      },
    },
  };
}

/** The Node object is gone, the site isn't. */
async function nodeDeleted(t: Test, cluster: Cluster): Promise<void> {
  const before = await cluster.untilPod('uses', 'Running', isRunning);
  await cluster.kubectl('delete', 'node', cluster.site.nodeName);
  await waitFor(
    async () => {
      const { code } = await cluster.tryKubectl(['get', 'node', cluster.site.nodeName]);
      return code === 0;
    },
    { what: 'the node to be made again', timeoutMs: 30_000 },
  );
  await untilNodeIs(cluster, 'True');
  await waitFor(async () => (await cluster.tryKubectl(['exec', 'uses', '--', 'true'])).code === 0, {
    what: 'exec to work',
    timeoutMs: 30_000,
  });
  const after = await cluster.pod('uses');
  t.equal(after?.metadata.uid, before.metadata.uid);
  t.equal(containerId(after), containerId(before), 'its pods run on');
}

await onEveryControlPlane(async (t, cluster) => {
  await t.test('pods change while their site is away', (t) => whileAway(t, cluster));
  await t.test('the Node is deleted while its site is there', (t) => nodeDeleted(t, cluster));
  await t.test('etcd is restored from an older backup', (t) => restoredStore(t, cluster));
  await t.test('a device loses its store', (t) => lostStore(t, cluster));
  await t.test('a namespace is taken from a site', (t) => withdrawn(t, cluster));
  await t.test('a site whose pods shall be evicted', (t) => evicted(t, cluster));
  await t.test('a device moves to another tenant', (t) => moved(t, cluster));
});
