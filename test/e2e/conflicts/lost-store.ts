import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import { busyboxImage } from '../../../hack/lab/images.ts';
import { waitFor } from '../../../hack/lab/wait.ts';
import { ControlClient, controlSocket } from '../../../src/edge-runner/control/control-client.ts';
import { CriClient } from '../../../src/edge-runner/cri/cri-client.ts';
import { GrpcChannel } from '../../../src/edge-runner/cri/grpc-channel.ts';
import type { Pod } from '../../../src/kube/api.ts';
import { isRunning, placement, shellPod, type Cluster } from '../cluster.ts';
import { containerId, storyMount, storyPod, storyVolume, told } from './story.ts';

/**
 * A device loses its store, and its runtime what it knew of pods that had ended: only the cloud still knows
 * that they have. They don't begin again, nor when the site is cut off right afterwards.
 */
export async function lostStore(t: Test, cluster: Cluster): Promise<void> {
  const { site } = cluster;
  const { device } = site;
  await cluster.apply(job(cluster), storyPod(cluster, 'stays'));
  const stays = await cluster.untilPod('stays', 'Running', isRunning);
  const ended = await untilJobPod(cluster, ({ metadata, status }) => {
    return status?.phase === 'Failed' && (metadata.finalizers ?? []).length === 0;
  });
  t.same(await told(cluster, ended.metadata.name), ['job starts']);
  await site.stopRunner();
  await forgetInRuntime(device.socket, ended);
  await writeFile(join(device.dir, 'towline', 'store.db'), 'not a database, however long it is');

  await t.test('what has ended does not begin again', async (t) => {
    await site.startRunner();
    // It begins after all that the site was told with it.
    await cluster.apply(shellPod(cluster, 'fresh', 'sleep 100000'));
    await cluster.untilPod('fresh', 'Running', isRunning, 60_000);
    t.same(await told(cluster, ended.metadata.name), ['job starts'], 'it has begun once');
    t.same(await sandboxesOf(device.socket, ended), [], 'and nothing of it is on the device');
    const after = await untilJobPod(cluster, () => true);
    t.same(after.status, ended.status, 'its status in the API is as it was');
    const now = await cluster.untilPod('stays', 'Running', isRunning);
    t.equal(containerId(now), containerId(stays), 'what ran was left alone');
  });

  await t.test('nor when the site is cut off and its runner starts anew', async (t) => {
    await site.killRunner();
    await device.uplinkDown();
    await site.startRunner();
    const pods = await untilSeen(join(device.dir, 'memory'), ended, stays);
    t.match(pods.find(isSame(ended))?.status, {
      phase: 'Failed',
      containerStatuses: [{ state: { terminated: { exitCode: 3 } } }],
    });
    t.same(await sandboxesOf(device.socket, ended), []);
    await device.uplinkUp();
    await cluster.kubectl('delete', 'job', 'job', '--timeout=60s');
    const query = ['get', 'pod', ended.metadata.name];
    await waitFor(async () => /NotFound/.test((await cluster.tryKubectl(query)).stderr), {
      ...{ what: 'the ended pod to be deleted', timeoutMs: 60_000, intervalMs: 200 },
    });
    t.same(await told(cluster, ended.metadata.name), ['job starts']);
  });
  await cluster.kubectl('delete', 'pod', 'stays', 'fresh');
}

/** Its pod ends as soon as it has said that it starts, and isn't made again. */
function job(cluster: Cluster): object {
  const container = {
    ...{ name: 'main', image: busyboxImage, ...storyMount },
    command: ['sh', '-c', 'echo job starts >> /story/$NAME; exit 3'],
  };
  const spec = {
    ...{ ...placement(cluster), ...storyVolume(cluster), containers: [container] },
    restartPolicy: 'Never',
  };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'job' },
    spec: { backoffLimit: 0, template: { metadata: { labels: { app: 'job' } }, spec } },
  };
}

function untilJobPod(cluster: Cluster, condition: (pod: Pod) => boolean): Promise<Pod> {
  return waitFor(
    async () => {
      const text = await cluster.kubectl('get', 'pods', '-l', 'app=job', '-o', 'json');
      const [pod] = (JSON.parse(text) as { items: Pod[] }).items;
      return pod !== undefined && condition(pod) && pod;
    },
    { what: 'the pod of the Job to be as it should', timeoutMs: 60_000, intervalMs: 150 },
  );
}

async function withCri<T>(socketPath: string, use: (cri: CriClient) => Promise<T>): Promise<T> {
  const channel = new GrpcChannel({ socketPath });
  try {
    return await use(new CriClient(channel));
  } finally {
    await channel.close();
  }
}

function sandboxesOf(socketPath: string, { metadata }: Pod): Promise<string[]> {
  const labelSelector = { 'io.kubernetes.pod.uid': metadata.uid ?? '' };
  return withCri(socketPath, async (cri) => {
    const { items } = await cri.listPodSandbox({ filter: { labelSelector } });
    return items.map(({ id }) => id);
  });
}

/** As the garbage collection of a device that is short of disk does. */
async function forgetInRuntime(socketPath: string, pod: Pod): Promise<void> {
  for (const podSandboxId of await sandboxesOf(socketPath, pod)) {
    await withCri(socketPath, async (cri) => {
      await cri.stopPodSandbox({ podSandboxId });
      await cri.removePodSandbox({ podSandboxId });
    });
  }
}

/** What `towline-runner pods` shows, once it has looked at a pod that runs. */
function untilSeen(memoryDir: string, ...wanted: readonly Pod[]): Promise<Pod[]> {
  return waitFor(
    async () => {
      const client = new ControlClient(controlSocket(memoryDir), AbortSignal.timeout(10_000));
      const { items } = await client.get<{ items: Pod[] }>('/pods').catch(() => ({ items: [] }));
      return wanted.every((pod) => items.some(isSame(pod))) && items;
    },
    { what: 'the runner to show its pods', timeoutMs: 30_000, intervalMs: 150 },
  );
}

function isSame({ metadata: { uid } }: Pod): (pod: Pod) => boolean {
  return ({ metadata }) => metadata.uid === uid;
}
