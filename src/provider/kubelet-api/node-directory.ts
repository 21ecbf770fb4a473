import type { Duplex } from 'node:stream';
import type { Pod } from '../../kube/api.ts';
import type { ProviderStreamHead } from '../../protocol/stream-head.ts';
import type { StreamClass } from '../../tunnel/stream.ts';

/** What the kubelet API needs to know of the virtual nodes and their sites. */
export interface NodeDirectory {
  /**
   * Opens a stream to a node's site and sends the head. The site's reply is still to be read.
   * @throws KubeletApiError `NODE_DISCONNECTED` (see `nodeDisconnected`).
   */
  open(
    nodeName: string,
    head: ProviderStreamHead,
    streamClass: StreamClass,
    signal?: AbortSignal,
  ): Promise<Duplex>;
  /** A pod that is bound to the node. */
  pod(nodeName: string, namespace: string, name: string): Pod | undefined;
  /** All pods that are bound to the node. */
  pods(nodeName: string): Pod[];
}
