import { performance } from 'node:perf_hooks';
import type { Test } from 'tap';
import { kubectl } from '../../../hack/lab/kubectl.ts';
import { ensureNamespace } from '../../../hack/lab/towline.ts';
import { waitFor } from '../../../hack/lab/wait.ts';
import type { Pod } from '../../../src/kube/api.ts';
import { isRunning, shellPod, type Cluster } from '../cluster.ts';

const graceSeconds = 60;

/**
 * A site must have pods of a namespace no more. One that ran there has failed when its device says that nothing
 * of it is left, long before its grace is over, and not before that.
 */
export async function withdrawn(t: Test, cluster: Cluster): Promise<void> {
  const { site, plane, namespace } = cluster;
  const guests = `${namespace}-guests`;
  await ensureNamespace(plane.adminKubeconfig, guests);
  await allow(cluster, [guests]);
  const ready = '/ready';
  const script = `trap 'sleep 3; exit 0' TERM; touch ${ready}; sleep 100000 & wait`;
  // Before its trap is set, the first process of a container takes no notice of SIGTERM.
  const readinessProbe = { exec: { command: ['test', '-e', ready] }, periodSeconds: 1 };
  const spec = {
    terminationGracePeriodSeconds: graceSeconds,
    volumes: [{ name: 'scratch', emptyDir: { medium: 'Memory' } }],
  };
  const pod = shellPod(cluster, 'guest', script, spec, { readinessProbe });
  const input = JSON.stringify(pod);
  await kubectl(plane.adminKubeconfig, ['-n', guests, 'create', '-f', '-'], { input });
  const guest = await untilGuest(cluster, guests, isRunning);
  const uid = guest.metadata.uid ?? '';

  const beganAtMs = performance.now();
  await allow(cluster, []);
  const failed = await untilGuest(cluster, guests, ({ status }) => status?.phase === 'Failed');
  const tookMs = Math.round(performance.now() - beganAtMs);
  t.equal(failed.status?.reason, 'TenantForbidden');
  t.equal(await containersOf(cluster, uid), '', 'no container of it is left then');
  const folder = `${site.device.dir}/towline/pods/${uid}`;
  t.not((await site.device.run('test', ['-e', folder])).code, 0, 'nor its volumes');
  t.ok(tookMs >= 3_000 && tookMs < graceSeconds * 1_000, `it was known after ${tookMs} ms`);
  await cluster.kubectl('delete', 'namespace', guests, '--wait=false');
}

async function allow(cluster: Cluster, allowedNamespaces: string[]): Promise<void> {
  const patch = JSON.stringify({ spec: { allowedNamespaces } });
  await cluster.kubectl('patch', 'site', cluster.site.name, '--type=merge', '-p', patch);
}

function untilGuest(
  { plane }: Cluster,
  namespace: string,
  condition: (pod: Pod) => boolean,
): Promise<Pod> {
  let last: Pod | undefined;
  return waitFor(
    async () => {
      const query = ['-n', namespace, 'get', 'pod', 'guest', '-o', 'json'];
      const { stdout, code } = await kubectl(plane.adminKubeconfig, query);
      last = code === 0 ? (JSON.parse(stdout) as Pod) : undefined;
      return last !== undefined && condition(last) && last;
    },
    {
      ...{ what: 'the guest to be as it should', timeoutMs: 90_000, intervalMs: 100 },
      explain: () => JSON.stringify(last?.status),
    },
  );
}

function containersOf({ site }: Cluster, uid: string): Promise<string> {
  return site.device.ctr('containers', 'ls', '-q', `labels."io.kubernetes.pod.uid"==${uid}`);
}
