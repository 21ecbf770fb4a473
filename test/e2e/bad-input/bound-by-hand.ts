import type { Test } from 'tap';
import { kubectlChecked } from '../../../hack/lab/kubectl.ts';
import { waitFor } from '../../../hack/lab/wait.ts';
import type { Node } from '../../../src/kube/api.ts';
import { isRunning, shellPod, type Cluster } from '../cluster.ts';
import { eventOf } from './event-of.ts';

const dongle = 'example.com/dongle';

/** Pods with a `nodeName` from the start: the node itself judges what the scheduler would have. */
export async function boundByHand(t: Test, cluster: Cluster): Promise<void> {
  await t.test('extended resources', (t) => extendedResources(t, cluster));
  await t.test('a taint that says NoExecute', (t) => taint(t, cluster));
}

/** As the Kubernetes documentation says: whoever has one gives it to the Node's capacity. */
async function extendedResources(t: Test, cluster: Cluster): Promise<void> {
  const { site, plane } = cluster;
  const path = `/api/v1/nodes/${site.nodeName}`;
  const node = JSON.parse(await cluster.kubectl('get', '--raw', path)) as Node;
  delete node.metadata.resourceVersion;
  const capacity = { ...node.status?.capacity, [dongle]: '1' };
  const input = JSON.stringify({ ...node, status: { ...node.status, capacity } });
  await kubectlChecked(plane.adminKubeconfig, ['replace', '--raw', `${path}/status`, '-f', '-'], {
    input,
  });
  await waitFor(
    async () => {
      const { status } = JSON.parse(await cluster.kubectl('get', '--raw', path)) as Node;
      return status?.allocatable?.[dongle] === '1';
    },
    { what: 'the dongle to be had', timeoutMs: 20_000 },
  );
  const wanting = (name: string, resource: string): object => {
    const amount = { [resource]: '1' };
    const resources = { requests: amount, limits: amount };
    return shellPod(cluster, name, 'sleep 1000', { nodeName: site.nodeName }, { resources });
  };
  await cluster.apply(wanting('has-dongle', dongle));
  await cluster.untilPod('has-dongle', 'Running', isRunning);
  await cluster.apply(wanting('no-dongle', dongle), wanting('unheard-of', 'example.com/none'));
  const rejected = await cluster.untilPod(
    'no-dongle',
    'rejected',
    ({ status }) => status?.phase === 'Failed',
  );
  const why = `Node didn't have enough resource: ${dongle}, requested: 1, used: 1, capacity: 1`;
  t.match(rejected.status, { reason: `OutOf${dongle}`, message: `Pod was rejected: ${why}` });
  // Kubelet: what the node doesn't know isn't its to refuse.
  await cluster.untilPod('unheard-of', 'Running', isRunning);
  await cluster.kubectl('delete', 'pod', 'has-dongle', 'no-dongle', 'unheard-of');
}

/** The taint manager deletes such a pod at the same time; a finalizer keeps it in sight. */
async function taint(t: Test, cluster: Cluster): Promise<void> {
  const { nodeName } = cluster.site;
  await cluster.kubectl('taint', 'node', nodeName, 'e2e=x:NoExecute');
  const pod = (name: string, spec: object = {}): Record<string, unknown> => {
    const made = shellPod(cluster, name, 'sleep 1000', { nodeName, ...spec });
    const metadata = { name, finalizers: ['towline.dev/e2e'] };
    return { ...made, metadata };
  };
  const tolerations = [{ key: 'e2e', operator: 'Exists' }];
  await cluster.apply(pod('intolerant'), pod('tolerant', { tolerations }));
  const why = "Predicate TaintToleration failed: node(s) had taints that the pod didn't tolerate";
  const rejected = await cluster.untilPod(
    'intolerant',
    'rejected',
    ({ status }) => status?.phase === 'Failed',
  );
  t.match(rejected.status, { reason: 'TaintToleration', message: `Pod was rejected: ${why}` });
  t.equal(rejected.status?.containerStatuses, undefined, 'nothing of it was begun');
  t.equal(await eventOf(cluster, 'intolerant', 'TaintToleration'), why);
  await cluster.untilPod('tolerant', 'Running', isRunning);
  await cluster.kubectl('taint', 'node', nodeName, 'e2e-');
  const patch = '{"metadata":{"finalizers":null}}';
  for (const name of ['intolerant', 'tolerant']) {
    await cluster.kubectl('patch', 'pod', name, '--type=merge', '-p', patch);
    await cluster.kubectl('delete', 'pod', name, '--ignore-not-found', '--wait=false');
  }
}
