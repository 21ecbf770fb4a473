import { once } from 'node:events';
import { spawnKubectl } from '../../hack/lab/kubectl.ts';
import { waitFor } from '../../hack/lab/wait.ts';
import type { Condition, Pod } from '../../src/kube/api.ts';
import {
  disconnectGraceMs,
  isRunning,
  onEveryControlPlane,
  shellPod,
  type Cluster,
} from './cluster.ts';
import { podRanges } from './pod-ranges.ts';

/** Statuses must be right this long after the link is back. */
const mendMs = 10_000;

async function ready(cluster: Cluster): Promise<Condition | undefined> {
  const text = await cluster.kubectl('get', 'node', cluster.site.nodeName, '-o', 'json');
  const node = JSON.parse(text) as { status: { conditions: Condition[] } };
  return node.status.conditions.find(({ type }) => type === 'Ready');
}

async function untilReady(cluster: Cluster, status: string, timeoutMs: number): Promise<Condition> {
  return waitFor(
    async () => {
      const condition = await ready(cluster);
      return condition?.status === status && condition;
    },
    { what: `the node to be Ready=${status}`, timeoutMs, intervalMs: 200 },
  );
}

function containerOf(pod: Pod | undefined): [string | undefined, number | undefined] {
  const status = pod?.status?.containerStatuses?.[0];
  return [status?.containerID, status?.restartCount];
}

await onEveryControlPlane(async (t, cluster) => {
  const { site, towline } = cluster;
  await cluster.apply(
    shellPod(cluster, 'steady', 'while :; do date >> /tmp/log; sleep 0.5; done'),
    shellPod(
      cluster,
      'flaky',
      'while [ ! -f /d/crash ]; do sleep 0.2; done; rm /d/crash; exit 9',
      {
        volumes: [{ name: 'd', emptyDir: {} }],
      },
      { volumeMounts: [{ name: 'd', mountPath: '/d' }] },
    ),
  );
  const steady = await cluster.untilPod('steady', 'Running', isRunning);
  const flaky = await cluster.untilPod('flaky', 'Running', isRunning);

  const isSteady = async (): Promise<boolean> => {
    const pod = await cluster.pod('steady');
    return (
      pod?.metadata.uid === steady.metadata.uid &&
      String(containerOf(pod)) === String(containerOf(steady))
    );
  };

  for (const [name, cut, mend] of [
    ['cut', () => site.device.uplinkDown(), () => site.device.uplinkUp()],
    ['black-holed', () => site.device.blackhole(), () => site.device.unblackhole()],
  ] as const) {
    await t.test(`an uplink that is ${name}`, async (t) => {
      const restartsBefore =
        (await cluster.pod('flaky'))?.status?.containerStatuses?.[0]?.restartCount ?? 0;
      await cut();
      const condition = await untilReady(cluster, 'Unknown', disconnectGraceMs + 45_000);
      t.equal(condition.reason, 'SiteDisconnected');
      t.match(condition.message, /last seen|since/i);
      const away = await cluster.untilPod(
        'steady',
        'not ready in the cloud',
        (pod) => !isRunning(pod),
      );
      t.equal(away.metadata.deletionTimestamp, undefined, 'it is not evicted');
      // A crash while nobody can see it: the device restarts the container by itself.
      const crash = `${site.device.dir}/towline/pods/${flaky.metadata.uid ?? ''}/volumes/kubernetes.io~empty-dir/d/crash`;
      await site.device.run('touch', [crash]);
      const running = async (): Promise<string> => site.device.ctr('tasks', 'ls');
      t.match(await running(), /RUNNING/);
      await waitFor(async () => (await site.device.run('test', ['-e', crash])).code !== 0, {
        what: 'the crash to be taken up',
        timeoutMs: 10_000,
      });
      await mend();
      await untilReady(cluster, 'True', 30_000);
      const turned = new RegExp(`NodeReady .*Node ${site.nodeName} status is now: NodeReady`);
      await waitFor(
        async () => turned.test(await cluster.kubectl('describe', 'node', site.nodeName)),
        { what: 'the event that the Node is ready', timeoutMs: 10_000 },
      );
      await cluster.untilPod('steady', 'Running again', isRunning, mendMs);
      await cluster.untilPod(
        'flaky',
        'restarted once more',
        (pod) => (pod.status?.containerStatuses?.[0]?.restartCount ?? 0) === restartsBefore + 1,
        30_000,
      );
      t.ok(await isSteady(), 'the other container is the same');
    });
  }

  await t.test('tolerations keep Kubernetes from evicting', async (t) => {
    const pod = await waitFor(
      async () => {
        const found = await cluster.pod('steady');
        const endless = found?.spec.tolerations?.filter(
          ({ key, tolerationSeconds }) =>
            key?.startsWith('node.kubernetes.io/') === true && tolerationSeconds === undefined,
        );
        return (endless?.length ?? 0) >= 2 && found;
      },
      { what: 'the tolerations', timeoutMs: 10_000 },
    );
    t.equal(pod.metadata.uid, steady.metadata.uid);
  });

  await t.test('a pod deleted while its site is away is gone once it is back', async (t) => {
    await cluster.apply(shellPod(cluster, 'leaving', 'sleep 1000'));
    await cluster.untilPod('leaving', 'Running', isRunning);
    await site.device.uplinkDown();
    await cluster.kubectl('delete', 'pod', 'leaving', '--wait=false');
    await cluster.kubectl('delete', 'pod', 'flaky', '--force', '--grace-period=0', '--wait=false');
    t.ok((await cluster.pod('leaving'))?.metadata.deletionTimestamp);
    await site.device.uplinkUp();
    await waitFor(async () => (await cluster.pod('leaving')) === undefined, {
      what: 'the pod to be gone',
      timeoutMs: 40_000,
    });
    await waitFor(
      async () => {
        const ids = await site.device.ctr('containers', 'ls', '-q');
        return ids.trim().split('\n').length === 2;
      },
      { what: 'only the steady pod to be left on the device', timeoutMs: 20_000 },
    );
    t.ok(await isSteady());
  });

  await t.test('kill -9 of the runner restarts nothing', async (t) => {
    await site.killRunner();
    await site.startRunner();
    await waitFor(
      async () => (await cluster.tryKubectl(['exec', 'steady', '--', 'true'])).code === 0,
      {
        what: 'exec to work again',
        timeoutMs: 20_000,
      },
    );
    t.ok(await isSteady());
    t.ok(isRunning((await cluster.pod('steady')) ?? steady));
  });

  await t.test('kill -9 of the provider restarts nothing', async (t) => {
    const port = await cluster.kubectl(
      'get',
      'site',
      site.name,
      '-o',
      'jsonpath={.status.kubeletPort}',
    );
    await towline.killProvider();
    await towline.startProvider();
    await waitFor(
      async () => (await cluster.tryKubectl(['exec', 'steady', '--', 'true'])).code === 0,
      {
        what: 'exec to work again',
        timeoutMs: 40_000,
      },
    );
    t.ok(await isSteady());
    await cluster.untilPod('steady', 'Running', isRunning, mendMs);
    t.equal(
      await cluster.kubectl('get', 'site', site.name, '-o', 'jsonpath={.status.kubeletPort}'),
      port,
    );
  });

  await t.test('a provider that is stopped lets an exec finish, and no pod notices', async (t) => {
    const script = 'echo begun; while [ ! -f /tmp/finish ]; do sleep 0.1; done; echo done';
    const args = ['-n', cluster.namespace, 'exec', 'steady', '--', 'sh', '-c', script];
    const running = spawnKubectl(cluster.plane.adminKubeconfig, args);
    let said = '';
    running.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const ended = once(running, 'close');
    await waitFor(() => said === 'begun\n', { what: 'the exec to run', timeoutMs: 20_000 });
    const stopped = towline.provider.stop(30_000);
    await waitFor(() => towline.provider.logTail().includes('stopping'), {
      what: 'the provider to stop',
      timeoutMs: 10_000,
    });
    const task = (await cluster.pod('steady'))?.status?.containerStatuses?.[0]?.containerID ?? '';
    const id = task.replace('containerd://', '');
    await site.device.ctr('tasks', 'exec', '--exec-id', 'finish', id, 'touch', '/tmp/finish');
    const [code] = (await ended) as [number | null];
    t.same({ code, said }, { code: 0, said: 'begun\ndone\n' });
    t.equal((await stopped).code, 0, 'it ends when the last stream has');
    t.ok(await isSteady());
    await towline.startProvider();
    await untilReady(cluster, 'True', mendMs);
    await waitFor(
      async () => (await cluster.tryKubectl(['exec', 'steady', '--', 'true'])).code === 0,
      { what: 'exec to work again', timeoutMs: 40_000 },
    );
    t.ok(await isSteady());
  });

  await t.test('after a reboot without the cloud pods start again', async (t) => {
    await site.device.uplinkDown();
    await site.device.reboot();
    await site.device.uplinkDown();
    await site.startRunner();
    await waitFor(
      async () => (await site.device.ctr('tasks', 'ls')).match(/RUNNING/g)?.length === 2,
      {
        what: 'the pod to run again',
        timeoutMs: 20_000,
      },
    );
    await site.device.uplinkUp();
    const pod = await cluster.untilPod(
      'steady',
      'reported as restarted',
      (found) => isRunning(found) && found.status?.containerStatuses?.[0]?.restartCount === 1,
      40_000,
    );
    t.equal(pod.metadata.uid, steady.metadata.uid);
  });

  await t.test('pods have addresses of the range that the cluster gave the Node', (t) =>
    podRanges(t, cluster),
  );
});
