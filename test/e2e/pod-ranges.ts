import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import { waitFor } from '../../hack/lab/wait.ts';
import { cniConfigName } from '../../src/edge-runner/network/cni-file.ts';
import type { Node, Pod } from '../../src/kube/api.ts';
import { isRunning, placement, type Cluster } from './cluster.ts';

/** A device without a CNI configuration, whose first pod waits for it in the cloud. */
export async function podRanges(t: Test, cluster: Cluster): Promise<void> {
  const { towline, namespace } = cluster;
  const name = 'munich';
  const app = { app: 'ranged' };
  await cluster.apply({
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'ranged' },
    spec: {
      selector: { matchLabels: app },
      template: {
        metadata: { labels: app },
        spec: {
          ...placement({ site: { name } as Cluster['site'] }),
          terminationGracePeriodSeconds: 1,
          containers: [
            {
              ...{ name: 'main', image: 'docker.io/library/busybox:1.36' },
              command: ['sleep', '100000'],
            },
          ],
        },
      },
    },
  });
  const site = await towline.addSite({ name, tenant: namespace, bareNetwork: true });
  const untilPod = (restarts: number): Promise<Pod> =>
    waitFor(
      async () => {
        const text = await cluster.kubectl('get', 'pods', '-l', 'app=ranged', '-o', 'json');
        const [pod] = (JSON.parse(text) as { items: Pod[] }).items;
        const status = pod?.status?.containerStatuses?.[0];
        return pod !== undefined && isRunning(pod) && status?.restartCount === restarts && pod;
      },
      { what: "the DaemonSet's pod to run", timeoutMs: 30_000, intervalMs: 200 },
    );

  const pod = await untilPod(0);
  const text = await cluster.kubectl('get', 'node', site.nodeName, '-o', 'json');
  const { podCIDR = '' } = (JSON.parse(text) as Node).spec ?? {};
  t.match(podCIDR, /^10\.244\.\d+\.0\/24$/);
  const prefix = podCIDR.replace(/0\/24$/, '');
  t.ok(pod.status?.podIP?.startsWith(prefix), `${pod.status?.podIP ?? ''} is of ${podCIDR}`);

  await t.test(
    'also after a reboot without the cloud, of a device that lost its own',
    async (t) => {
      await site.device.blackhole();
      await site.device.reboot();
      await rm(join(site.device.dir, 'cni', cniConfigName));
      const taken = join(site.device.dir, 'memory', 'addresses', 'towline');
      await site.startRunner();
      const addresses = await waitFor(
        async () => {
          const files = await readdir(taken).catch(() => []);
          const found = files.filter((file) => /^\d+(\.\d+){3}$/.test(file));
          return found.length > 0 && found;
        },
        { what: 'the pod to have an address', timeoutMs: 30_000 },
      );
      t.ok(addresses[0]?.startsWith(prefix), addresses[0] ?? '');
      await site.device.unblackhole();
      t.match(await untilPod(1), { status: { podIP: addresses[0] } });
    },
  );
}
