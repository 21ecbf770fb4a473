import type { Pod, PodStatus } from '../../kube/api.ts';
import type { PodContext } from './pod-context.ts';
import { PodWorker } from './pod-worker.ts';
import type { RuntimePod } from './runtime.ts';

interface PodManagerOptions {
  context: PodContext;
  /** The last reported status of a pod, from before this runner started. */
  lastStatus: (podUid: string) => PodStatus | undefined;
}

interface Entry {
  worker: PodWorker;
  done: Promise<void>;
}

/** One worker for every pod that is desired or that the runtime still has. */
export class PodManager {
  readonly #options: PodManagerOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #signal: AbortSignal;

  constructor(options: PodManagerOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
  }

  /** Takes the whole desired state. `objectsChanged`: something that pods refer to is new. */
  setDesired(pods: readonly Pod[], objectsChanged: boolean): void {
    const desired = new Map(pods.map((pod) => [pod.metadata.uid ?? '', pod]));
    for (const [uid, { worker }] of this.#entries) if (!desired.has(uid)) worker.remove();
    for (const [uid, pod] of desired) {
      const entry = this.#entries.get(uid);
      if (entry === undefined) this.#start(uid, pod, false);
      else if (entry.worker.pod !== pod) entry.worker.update(pod);
    }
    if (objectsChanged) for (const { worker } of this.#entries.values()) worker.objectsChanged();
  }

  /** Ends what the runtime still has of pods that nobody desires any more. */
  async removeOrphans(): Promise<void> {
    const [known, onDisk] = await Promise.all([
      this.#options.context.observer.list(),
      this.#options.context.volumes.podsOnDisk(),
    ]);
    const orphans = new Map<string, RuntimePod>(known.map((pod) => [pod.uid, pod]));
    for (const uid of onDisk) {
      if (!orphans.has(uid)) orphans.set(uid, { uid, namespace: '', name: '', graceSeconds: 0 });
    }
    for (const [uid, orphan] of orphans) {
      if (!this.#entries.has(uid)) this.#start(uid, orphanPod(orphan), true);
    }
  }

  /** The process of a container or sandbox has ended: its pod looks again. */
  containerEnded(containerId: string): void {
    this.#options.context.observer.noteEnd(containerId);
    for (const { worker } of this.#entries.values()) {
      const { sandboxes, containers } = worker.observed;
      const owns =
        sandboxes.some(({ id }) => id === containerId) ||
        containers.some(({ id }) => id === containerId);
      if (owns) worker.wake();
    }
  }

  /** Calls back once when the runtime says that a container has ended. Returns how to stop it. */
  onContainerEnd(containerId: string, listener: () => void): () => void {
    for (const { worker } of this.#entries.values()) {
      if (!worker.observed.containers.some(({ id }) => id === containerId)) continue;
      return worker.onContainerEnd(containerId, listener);
    }
    listener();
    return () => undefined;
  }

  wakeAll(): void {
    for (const { worker } of this.#entries.values()) worker.wake();
  }

  find(namespace: string, name: string): PodWorker | undefined {
    for (const { worker } of this.#entries.values()) {
      const { metadata } = worker.pod;
      if (metadata.namespace === namespace && metadata.name === name) return worker;
    }
    return undefined;
  }

  /** Resolves when every worker has stopped; abort the signal first. */
  async stopped(): Promise<void> {
    await Promise.all(Array.from(this.#entries.values(), ({ done }) => done));
  }

  #start(uid: string, pod: Pod, removed: boolean): void {
    const { context, lastStatus } = this.#options;
    const worker = new PodWorker({ context, pod, lastStatus: lastStatus(uid), removed });
    const done = worker.run(this.#signal).then(() => {
      this.#entries.delete(uid);
    });
    this.#entries.set(uid, { worker, done });
  }
}

/** Enough of a pod to end it by. */
function orphanPod({ uid, namespace, name, graceSeconds }: RuntimePod): Pod {
  return {
    metadata: { uid, namespace, name },
    spec: { containers: [], terminationGracePeriodSeconds: graceSeconds },
  };
}
