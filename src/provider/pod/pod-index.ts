import type { Pod } from '../../kube/api.ts';
import type { Informer } from '../kube-client/informer.ts';

/** Called when a pod of a node is new, changed or gone. */
export type PodListener = (change: PodChange) => void;

export interface PodChange {
  nodeName: string;
  pod: Pod;
  gone: boolean;
}

/** Pods by their names and by their nodes, and changes to those of one node. */
export interface BoundPods {
  get(namespace: string, name: string): Pod | undefined;
  ofNode(nodeName: string): Pod[];
  /** `namespace/name` of a node's pods whose newest version can't be used. */
  malformedOf(nodeName: string): string[];
  subscribe(listener: PodListener, nodeName: string): () => void;
}

/** The cluster's bound pods by node, kept in step with one informer. */
export class PodIndex implements BoundPods {
  readonly #byNode = new Map<string, Map<string, Pod>>();
  readonly #pods: Pick<Informer<Pod>, 'get' | 'list' | 'subscribe'>;
  readonly #malformed = new Map<string, string>();
  readonly #listeners = new Set<PodListener>();
  readonly #listenersOfNode = new Map<string, Set<PodListener>>();

  constructor(pods: Pick<Informer<Pod>, 'get' | 'list' | 'subscribe'>) {
    this.#pods = pods;
    for (const pod of pods.list()) this.#set(pod);
    pods.subscribe((change) => {
      if (change.type === 'delete') this.#remove(change.object);
      else this.#set(change.object);
    });
  }

  /** A pod by its name, bound or not known. */
  get(namespace: string, name: string): Pod | undefined {
    return this.#pods.get(namespace, name);
  }

  /** All pods bound to a node. */
  ofNode(nodeName: string): Pod[] {
    return [...(this.#byNode.get(nodeName)?.values() ?? [])];
  }

  /** Names of all nodes that have pods. */
  nodeNames(): string[] {
    return [...this.#byNode.keys()];
  }

  /** Notes that a pod came in a form that can't be used; a version before it stays as it was. */
  reject(key: string, nodeName: string): void {
    this.#malformed.set(key, nodeName);
  }

  /** `namespace/name` of a node's pods whose newest version can't be used. */
  malformedOf(nodeName: string): string[] {
    return [...this.#malformed].filter(([, node]) => node === nodeName).map(([key]) => key);
  }

  /** Tells a listener of every change, or of one node's; returns what ends that. */
  subscribe(listener: PodListener, nodeName?: string): () => void {
    if (nodeName === undefined) {
      this.#listeners.add(listener);
      return () => this.#listeners.delete(listener);
    }
    const listeners = this.#listenersOfNode.get(nodeName) ?? new Set();
    this.#listenersOfNode.set(nodeName, listeners);
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.#listenersOfNode.delete(nodeName);
    };
  }

  #set(pod: Pod): void {
    this.#malformed.delete(podKeyOf(pod));
    const nodeName = pod.spec.nodeName;
    if (nodeName === undefined || nodeName === '') return;
    let pods = this.#byNode.get(nodeName);
    if (pods === undefined) this.#byNode.set(nodeName, (pods = new Map<string, Pod>()));
    pods.set(podKeyOf(pod), pod);
    this.#tell({ nodeName, pod, gone: false });
  }

  #remove(pod: Pod): void {
    this.#malformed.delete(podKeyOf(pod));
    const nodeName = pod.spec.nodeName;
    if (nodeName === undefined) return;
    const pods = this.#byNode.get(nodeName);
    pods?.delete(podKeyOf(pod));
    if (pods?.size === 0) this.#byNode.delete(nodeName);
    this.#tell({ nodeName, pod, gone: true });
  }

  #tell(change: PodChange): void {
    for (const listener of [...this.#listeners]) listener(change);
    for (const listener of [...(this.#listenersOfNode.get(change.nodeName) ?? [])]) {
      listener(change);
    }
  }
}

/** `namespace/name` of a pod. */
export function podKeyOf(pod: Pod): string {
  return `${pod.metadata.namespace ?? ''}/${pod.metadata.name}`;
}
