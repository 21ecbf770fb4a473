import type { Condition, KubernetesObject, Pod } from '../../../src/kube/api.ts';
import type { Cluster } from '../../e2e/cluster.ts';

/** What the API says of a site and its pods at one time. */
export interface CloudView {
  /** By name. */
  readonly pods: ReadonlyMap<string, Pod>;
  /** Status of the Site's `Connected`. */
  readonly connected: string | undefined;
  /** Status of the Node's `Ready`. */
  readonly nodeReady: string | undefined;
}

interface Item extends KubernetesObject {
  kind: string;
  status?: { conditions?: Condition[] };
}

/** Asks for all of it in one command. */
export async function lookAtCloud(cluster: Cluster): Promise<CloudView> {
  const text = await cluster.kubectl('get', 'pods,sites,nodes', '-o', 'json');
  const { items } = JSON.parse(text) as { items: Item[] };
  const status = (kind: string, name: string, type: string): string | undefined => {
    const found = items.find((item) => item.kind === kind && item.metadata.name === name);
    return found?.status?.conditions?.find((condition) => condition.type === type)?.status;
  };
  const pods = items.filter(({ kind }) => kind === 'Pod') as (Pod & Item)[];
  return {
    pods: new Map(pods.map((pod) => [pod.metadata.name, pod])),
    connected: status('Site', cluster.site.name, 'Connected'),
    nodeReady: status('Node', cluster.site.nodeName, 'Ready'),
  };
}
