import type { Logger } from 'pino';
import type { KubernetesObject, Node } from '../../kube/api.ts';
import { isKubeApiError } from '../kube-client/kube-api-error.ts';
import type { KubeClient } from '../kube-client/kube-client.ts';
import { resources } from '../kube-client/resource-type.ts';
import { leaseDurationSeconds, leaseRenewMs, maxNodeWrites } from '../limits.ts';
import { ReconcileQueue } from '../reconcile/reconcile-queue.ts';
import { microTimestamp } from './timestamp.ts';

/** Namespace of the nodes' Leases. */
export const leaseNamespace = 'kube-node-lease';

export interface Lease extends KubernetesObject {
  spec: { holderIdentity: string; leaseDurationSeconds: number; renewTime: string };
}

export interface LeaseKeeperOptions {
  client: Pick<KubeClient, 'patch' | 'create'>;
  /** The Node to renew for, and `undefined` when its Lease is to be left to expire. */
  nodeToRenew: (nodeName: string) => Node | undefined;
  log: Logger;
  renewMs?: number;
  nowMs?: () => number;
  random?: () => number;
}

/** Renews the Leases of the nodes whose sites are there; the uplinks aren't bothered with it. */
export class LeaseKeeper {
  readonly #options: LeaseKeeperOptions;
  readonly #queue: ReconcileQueue;

  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
    this.#queue = new ReconcileQueue({
      name: 'leases',
      reconcile: (nodeName, signal) => this.#renew(nodeName, signal),
      concurrency: maxNodeWrites,
      log: options.log,
    });
  }

  /** Renews a node's Lease at once, and then on and on while there is a Node to renew for. */
  renew(nodeName: string): void {
    this.#queue.add(nodeName);
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#queue.run(signal);
  }

  async #renew(nodeName: string, signal: AbortSignal): Promise<void> {
    const node = this.#options.nodeToRenew(nodeName);
    if (node === undefined) return;
    const spec = leaseSpec(nodeName, (this.#options.nowMs ?? Date.now)());
    const ref = { namespace: leaseNamespace, name: nodeName };
    try {
      await this.#options.client.patch(
        resources.leases,
        ref,
        { spec },
        { patchType: 'merge', signal },
      );
    } catch (error) {
      if (!isKubeApiError(error, 'NOT_FOUND')) throw error;
      await this.#options.client.create(resources.leases, newLease(node, spec), { signal });
    }
    this.#queue.addAfter(nodeName, this.#nextMs());
  }

  /** Up to a tenth sooner, so that the nodes of one start spread out. */
  #nextMs(): number {
    const random = (this.#options.random ?? Math.random)();
    return Math.round((this.#options.renewMs ?? leaseRenewMs) * (1 - random / 10));
  }
}

function leaseSpec(nodeName: string, nowMs: number): Lease['spec'] {
  return { holderIdentity: nodeName, leaseDurationSeconds, renewTime: microTimestamp(nowMs) };
}

function newLease(node: Node, spec: Lease['spec']): Lease {
  const { name, uid = '' } = node.metadata;
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      name,
      namespace: leaseNamespace,
      ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name, uid }],
    },
    spec,
  };
}
