import type { Node, NodeStatus } from '../../kube/api.ts';
import { TokenBucket } from '../../tunnel/token-bucket.ts';
import { allNodeEvents, nodeEventBurst, nodeEventsPerSecond } from '../limits.ts';
import { nodeEvents, type NodeEvent } from './node-events.ts';

export type TellNodeEvent = (node: Node, event: NodeEvent) => void;

/**
 * Tells what becomes of Nodes; of each no more than client-go's spam filter lets through, and of all no more
 * than leaves room for what sites tell of their pods: when many sites return at once, each Node turns.
 */
export class NodeAnnouncer {
  readonly #tell: TellNodeEvent;
  readonly #nowMs: () => number;
  /** By the Node's name. */
  readonly #rates = new Map<string, TokenBucket>();
  readonly #rateOfAll: TokenBucket;

  constructor(tell: TellNodeEvent, nowMs: () => number) {
    this.#tell = tell;
    this.#nowMs = nowMs;
    const { burst, perSecond } = allNodeEvents;
    this.#rateOfAll = new TokenBucket(burst, perSecond, { now: nowMs });
  }

  /** `after` has been written over the Node's status. */
  announce(node: Node, after: NodeStatus): void {
    const { name } = node.metadata;
    for (const event of nodeEvents(name, node.status ?? {}, after)) {
      if (this.#rateOf(name).take() && this.#rateOfAll.take()) this.#tell(node, event);
    }
  }

  /** The Node is gone. */
  forget(nodeName: string): void {
    this.#rates.delete(nodeName);
  }

  #rateOf(nodeName: string): TokenBucket {
    const clock = { now: this.#nowMs };
    const rate =
      this.#rates.get(nodeName) ?? new TokenBucket(nodeEventBurst, nodeEventsPerSecond, clock);
    this.#rates.set(nodeName, rate);
    return rate;
  }
}
