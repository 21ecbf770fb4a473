import type { Test } from 'tap';
import { busyboxImage } from '../../../hack/lab/images.ts';
import { waitFor } from '../../../hack/lab/wait.ts';
import type { Pod } from '../../../src/kube/api.ts';
import { disconnectGraceMs, isRunning, type Cluster } from '../cluster.ts';
import { containerId } from './story.ts';

const evictAfterSeconds = 5;
const unreachable = 'node.kubernetes.io/unreachable';
const goneWithinMs = 60_000;

/**
 * A site whose pods shall be evicted is cut off. A Deployment's pod is replaced elsewhere, a StatefulSet's
 * waits for the site unless somebody forces it, a DaemonSet's stays. When the site is back it ends what
 * was replaced. Kubernetes evicts nothing while no node at all is ready, so there is a second site.
 */
export async function evicted(t: Test, cluster: Cluster): Promise<void> {
  const { site, towline, namespace } = cluster;
  await cluster.apply(...['Deployment', 'StatefulSet', 'DaemonSet'].map(workload));
  const first = new Map<string, Pod>();
  for (const app of ['deployment', 'statefulset', 'daemonset']) {
    first.set(app, await untilOne(cluster, app, (pod) => isRunning(pod) && isOn(site, pod)));
  }
  const paris = await towline.addSite({ name: 'paris', tenant: namespace });
  const spec = { disconnection: { policy: 'Evict', evictAfter: `${evictAfterSeconds}s` } };
  await cluster.kubectl('patch', 'site', site.name, '--type=merge', '-p', JSON.stringify({ spec }));
  for (const app of ['deployment', 'statefulset']) {
    await untilOne(cluster, app, (pod) => tolerationSeconds(pod) === evictAfterSeconds);
  }
  const idOf = (app: string): string => containerId(first.get(app))?.split('//')[1] ?? 'none';
  const uidOf = (app: string): string => first.get(app)?.metadata.uid ?? 'none';

  await site.device.uplinkDown();
  const awayMs = disconnectGraceMs + 90_000;
  await t.test('a Deployment has another pod, elsewhere', async (t) => {
    const pod = await untilOne(
      cluster,
      'deployment',
      (found) => isRunning(found) && isOn(paris, found),
      awayMs,
    );
    t.not(pod.metadata.uid, uidOf('deployment'));
    const old = (await podsOf(cluster, 'deployment')).find(({ metadata }) => {
      return metadata.uid === uidOf('deployment');
    });
    t.ok(old?.metadata.deletionTimestamp, 'the one before waits for its site');
  });

  await t.test('a StatefulSet has no second pod of the same identity', async (t) => {
    const isEvicted = ({ metadata }: Pod): boolean => metadata.deletionTimestamp !== undefined;
    await untilOne(cluster, 'statefulset', isEvicted, awayMs);
    const pods = await podsOf(cluster, 'statefulset');
    t.same(
      pods.map(({ metadata }) => metadata.uid),
      [uidOf('statefulset')],
    );
  });

  await t.test('unless it is forced', async (t) => {
    await cluster.kubectl('delete', 'pod', 'statefulset-0', '--force', '--grace-period=0');
    const pod = await untilOne(
      cluster,
      'statefulset',
      (found) => isRunning(found) && isOn(paris, found),
    );
    t.not(pod.metadata.uid, uidOf('statefulset'));
  });

  await t.test('a DaemonSet’s pod is not evicted', async (t) => {
    const pods = await podsOf(cluster, 'daemonset');
    const pod = pods.find(({ metadata }) => metadata.uid === uidOf('daemonset'));
    t.ok(pod);
    t.equal(pod?.metadata.deletionTimestamp, undefined);
    t.equal(pod && tolerationSeconds(pod), undefined);
  });

  await t.test('the site has run all of them on, and ends what was replaced', async (t) => {
    const running = await site.device.ctr('tasks', 'ls');
    for (const app of first.keys()) t.ok(running.includes(idOf(app)), `${app} runs on`);
    await site.device.uplinkUp();
    for (const app of ['deployment', 'statefulset']) {
      await waitFor(async () => !(await site.device.ctr('tasks', 'ls')).includes(idOf(app)), {
        what: `the replaced pod of the ${app} to end`,
        timeoutMs: goneWithinMs,
      });
      const pod = await untilOnly(cluster, app);
      t.ok(isOn(paris, pod) && isRunning(pod), `the ${app} has one pod, the new one`);
    }
    t.ok((await site.device.ctr('tasks', 'ls')).includes(idOf('daemonset')));
  });
}

/** One replica, on any site; on every site for a DaemonSet. Its pods' label `app` is its kind. */
function workload(kind: string): object {
  const app = kind.toLowerCase();
  const container = { name: 'main', image: busyboxImage, command: ['sleep', '100000'] };
  const toleration = { key: 'towline.dev/site', operator: 'Exists', effect: 'NoSchedule' };
  const anySite = { matchExpressions: [{ key: 'towline.dev/site', operator: 'Exists' }] };
  const affinity = {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [anySite] },
    },
  };
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name: app },
    spec: {
      ...(kind === 'DaemonSet' ? {} : { replicas: 1 }),
      ...(kind === 'StatefulSet' ? { serviceName: app } : {}),
      selector: { matchLabels: { app } },
      template: {
        metadata: { labels: { app } },
        spec: {
          ...{ affinity, tolerations: [toleration], containers: [container] },
          terminationGracePeriodSeconds: 1,
        },
      },
    },
  };
}

function isOn({ nodeName }: { nodeName: string }, pod: Pod): boolean {
  return pod.spec.nodeName === nodeName;
}

function tolerationSeconds({ spec }: Pod): number | undefined {
  return spec.tolerations?.find(({ key }) => key === unreachable)?.tolerationSeconds;
}

async function podsOf(cluster: Cluster, app: string): Promise<Pod[]> {
  const text = await cluster.kubectl('get', 'pods', '-l', `app=${app}`, '-o', 'json');
  return (JSON.parse(text) as { items: Pod[] }).items;
}

/** Waits for a pod of a workload that is so. */
async function untilOne(
  cluster: Cluster,
  app: string,
  condition: (pod: Pod) => boolean,
  timeoutMs = 60_000,
): Promise<Pod> {
  return waitFor(async () => (await podsOf(cluster, app)).find(condition), {
    ...{ what: `a pod of the ${app} as it should be`, timeoutMs, intervalMs: 150 },
  });
}

/** Waits until a workload has one pod alone. */
async function untilOnly(cluster: Cluster, app: string): Promise<Pod> {
  return waitFor(
    async () => {
      const [pod, ...others] = await podsOf(cluster, app);
      return others.length === 0 && pod;
    },
    { what: `the ${app} to have one pod`, timeoutMs: goneWithinMs, intervalMs: 150 },
  );
}
