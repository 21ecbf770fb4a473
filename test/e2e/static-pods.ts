import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import { allowMirrorPods } from '../../hack/lab/towline.ts';
import { waitFor } from '../../hack/lab/wait.ts';
import type { Pod } from '../../src/kube/api.ts';
import { isRunning, type Cluster } from './cluster.ts';

/** A pod of a file on the device, with and without its mirror pod. */
export async function staticPods(t: Test, cluster: Cluster): Promise<void> {
  const { namespace, site } = cluster;
  await allowMirrorPods(cluster.plane.adminKubeconfig, namespace);
  const name = `web-${site.nodeName}`;
  const write = (word: string, where = namespace, file = 'web'): Promise<void> =>
    writeFile(
      join(site.staticPodDir, `${file}.yaml`),
      JSON.stringify({
        ...{ apiVersion: 'v1', kind: 'Pod' },
        metadata: { name: file, namespace: where, labels: { app: 'static' } },
        spec: {
          terminationGracePeriodSeconds: 0,
          containers: [
            {
              ...{ name: 'main', image: 'docker.io/library/busybox:1.36' },
              command: ['sh', '-c', `echo I am ${word}; exec sleep 1000`],
            },
          ],
        },
      }),
    );
  const mirror = (what: string, is: (pod: Pod) => boolean): Promise<Pod> =>
    cluster.untilPod(name, what, (pod) => isRunning(pod) && is(pod));

  await write('first');
  const first = await mirror('shown', () => true);
  const hash = first.metadata.annotations?.['kubernetes.io/config.hash'] ?? '';
  t.match(first.metadata, {
    labels: { app: 'static' },
    annotations: {
      'kubernetes.io/config.mirror': hash,
      'kubernetes.io/config.source': 'file',
      'kubernetes.io/config.seen': /^\d{4}-.*Z$/,
    },
    ownerReferences: [{ kind: 'Node', name: site.nodeName, controller: true }],
  });
  t.equal(await cluster.kubectl('logs', name), 'I am first\n');
  t.equal(await cluster.kubectl('exec', name, '--', 'echo', 'there'), 'there\n');
  t.match(
    await waitFor(
      async () => {
        const text = await cluster.kubectl('describe', 'pod', name);
        return text.includes('Container started') && text;
      },
      { what: 'its events', timeoutMs: 20_000 },
    ),
    /Controlled By: +Node\//,
  );
  const containerOf = (pod: Pod): string => pod.status?.containerStatuses?.[0]?.containerID ?? '';

  await cluster.kubectl('delete', 'pod', name, '--wait=false');
  const again = await mirror('made anew', ({ metadata }) => metadata.uid !== first.metadata.uid);
  t.equal(containerOf(again), containerOf(first), 'the container has not noticed');

  await site.stopRunner();
  await write('second');
  await site.startRunner();
  const second = await mirror(
    'another',
    ({ metadata }) => metadata.annotations?.['kubernetes.io/config.hash'] !== hash,
  );
  t.not(containerOf(second), containerOf(first));
  t.equal(await cluster.kubectl('logs', name), 'I am second\n');

  await cluster.towline.stopProvider();
  await cluster.towline.startProvider();
  await waitFor(async () => (await cluster.tryKubectl(['exec', name, '--', 'true'])).code === 0, {
    what: 'the site to be back at the new provider',
    timeoutMs: 30_000,
  });
  const kept = await mirror('kept', () => true);
  t.equal(kept.metadata.uid, second.metadata.uid, 'a provider that starts anew changes nothing');

  await write('elsewhere', 'kube-system', 'hidden');
  await waitFor(
    async () =>
      (await cluster.kubectl('describe', 'node', site.nodeName)).includes(
        `Static pod kube-system/hidden-${site.nodeName} runs, and is not shown in the API: the Site shows no static pods in namespace "kube-system"`,
      ),
    { what: 'an event at the node', timeoutMs: 30_000 },
  );
  await Promise.all(['web', 'hidden'].map((file) => rm(join(site.staticPodDir, `${file}.yaml`))));
  await waitFor(async () => (await cluster.pod(name)) === undefined, {
    ...{ what: 'the mirror pod to go', timeoutMs: 40_000 },
  });
  await waitFor(async () => (await site.device.ctr('containers', 'ls', '-q')).trim() === '', {
    ...{ what: 'the containers to go', timeoutMs: 40_000 },
  });
}
