import type { Test } from 'tap';
import { waitFor } from '../../hack/lab/wait.ts';
import type { Node } from '../../src/kube/api.ts';
import { shellPod, type Cluster } from './cluster.ts';

/** A pod with `hostUsers: false`, on a Node that says whether its runtime can. */
export async function userNamespaces(t: Test, cluster: Cluster): Promise<void> {
  const text = await cluster.kubectl('get', 'node', cluster.site.nodeName, '-o', 'json');
  const { runtimeHandlers = [], features } = (JSON.parse(text) as Node).status ?? {};
  const byDefault = runtimeHandlers.find(({ name = '' }) => name === '');
  const script = 'head -n 1 /proc/self/uid_map >/dev/termination-log';
  const own = { restartPolicy: 'Never', hostUsers: false };
  await cluster.apply(shellPod(cluster, 'own-users', script, own));
  if (byDefault?.features?.userNamespaces !== true) {
    t.comment('the runtime has no user namespaces for pods');
    const selector = 'involvedObject.name=own-users,reason=FailedCreatePodSandBox';
    const list = (): Promise<string> =>
      cluster.kubectl('get', 'events', '--field-selector', selector);
    const told = await waitFor(async () => (await list()).includes('hostUsers') && (await list()), {
      ...{ what: 'the event', timeoutMs: 20_000 },
    });
    t.match(told, "can't set `spec.hostUsers: false`, runtime does not support user namespaces");
    await cluster.kubectl('delete', 'pod', 'own-users');
    return;
  }
  t.equal(typeof features?.supplementalGroupsPolicy, 'boolean');
  const over = await cluster.untilPod('own-users', 'over', ({ status }) => {
    return status?.phase === 'Succeeded';
  });
  const [main] = over.status?.containerStatuses ?? [];
  t.match(main?.state.terminated?.message, /^ *0 +[1-9]\d{4,9} +65536\n$/);
}
