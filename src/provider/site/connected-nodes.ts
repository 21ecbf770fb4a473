import type { Duplex } from 'node:stream';
import type { Pod } from '../../kube/api.ts';
import type { ProviderStreamHead } from '../../protocol/stream-head.ts';
import type { StreamClass } from '../../tunnel/stream.ts';
import { nodeDisconnected } from '../kubelet-api/kubelet-api-error.ts';
import type { NodeDirectory } from '../kubelet-api/node-directory.ts';
import type { BoundPods } from '../pod/pod-index.ts';
import { SiteError } from './errors.ts';
import type { SiteRegistry } from './site-registry.ts';

/** The nodes of the kubelet API: their sites' connections, and the pods bound to them. */
export class ConnectedNodes implements NodeDirectory {
  readonly #registry: SiteRegistry;
  readonly #pods: BoundPods;
  readonly #lastSeen: (nodeName: string) => Date | undefined;

  constructor(options: {
    registry: SiteRegistry;
    pods: BoundPods;
    /** When a site was last seen, also by a process before this one. */
    lastSeen: (nodeName: string) => Date | undefined;
  }) {
    this.#registry = options.registry;
    this.#pods = options.pods;
    this.#lastSeen = options.lastSeen;
  }

  open(nodeName: string, head: ProviderStreamHead, streamClass: StreamClass): Promise<Duplex> {
    const { promise, resolve, reject } = Promise.withResolvers<Duplex>();
    try {
      resolve(this.#registry.open(nodeName, head, streamClass));
    } catch (error) {
      const lost = error instanceof SiteError;
      reject(lost ? nodeDisconnected(nodeName, this.#lastSeen(nodeName)) : error);
    }
    return promise;
  }

  pod(nodeName: string, namespace: string, name: string): Pod | undefined {
    const pod = this.#pods.get(namespace, name);
    return pod?.spec.nodeName === nodeName ? pod : undefined;
  }

  pods(nodeName: string): Pod[] {
    return this.#pods.ofNode(nodeName);
  }
}
