import type { Pod, PodStatus } from '../../kube/api.ts';
import type { Misfit } from '../../kube/node-fit.ts';
import { isCritical } from '../../kube/priority.ts';
import { drainPods, type ShutdownGrace } from './drain-pods.ts';
import type { ProcessEnd } from './heard-ends.ts';
import type { PodContext } from './pod-context.ts';
import { formProblem, hasUsableIdentity } from './pod-form.ts';
import { byRank } from './pod-rank.ts';
import { hasEnded } from './pod-status.ts';
import { PodWorker } from './pod-worker.ts';
import type { RuntimePod } from './runtime.ts';
import { toldEnd } from './told-end.ts';

interface PodManagerOptions {
  context: PodContext;
  /** The last reported status of a pod, from before this runner started. */
  lastStatus: (podUid: string) => PodStatus | undefined;
  /** Which pods are on the device has changed. */
  onPods?: () => void;
}

interface Entry {
  /** The pod as it was desired last. */
  pod: Pod;
  worker: PodWorker;
  done: Promise<void>;
}

/** An object that pods refer to. */
export interface ChangedObject {
  kind: string;
  namespace: string;
  name: string;
}

/** One worker for every pod that is desired or that the runtime still has. */
export class PodManager {
  readonly #options: PodManagerOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #signal: AbortSignal;
  #desired: ReadonlyMap<string, Pod> = new Map();
  #isDraining = false;

  constructor(options: PodManagerOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
    options.context.placed.onRelease(() => {
      for (const { worker } of this.#entries.values()) worker.roomMade();
    });
  }

  /**
   * Ends what was left of pods that nobody desires any more. Comes before the first `setDesired`, so
   * that no pod starts beside the one whose name it has taken; later it is a safety net, and then
   * every desired pod has its worker already. `reported`: pods about which reports are kept.
   * @throws CriError
   */
  async removeOrphans(
    desired: readonly Pod[] = [],
    reported: readonly string[] = [],
  ): Promise<void> {
    const { context } = this.#options;
    const [known, onDisk] = await Promise.all([
      context.observer.list(),
      context.volumes.podsOnDisk(),
    ]);
    const orphans = new Map<string, RuntimePod>();
    for (const uid of [...reported, ...onDisk]) {
      orphans.set(uid, { uid, namespace: '', name: '', graceSeconds: 0 });
    }
    for (const pod of known) orphans.set(pod.uid, pod);
    for (const { metadata } of desired) orphans.delete(metadata.uid ?? '');
    this.#end(orphans.values());
  }

  /**
   * Ends only what certainly isn't desired any more, for another pod has its name: while it isn't
   * known yet which pods are desired besides these.
   * @throws CriError
   */
  async removeReplaced(desired: readonly Pod[]): Promise<void> {
    const uids = new Map(
      desired.map(({ metadata }) => [nameOf(metadata.namespace, metadata.name), metadata.uid]),
    );
    const known = await this.#options.context.observer.list();
    this.#end(
      known.filter(({ namespace, name, uid }) => {
        const desiredUid = uids.get(nameOf(namespace, name));
        return desiredUid !== undefined && desiredUid !== uid;
      }),
    );
  }

  /** Takes the whole desired state; `changed` are the objects that are new in it. */
  setDesired(pods: readonly Pod[], changed: readonly ChangedObject[] = []): void {
    const { log, placed } = this.#options.context;
    const usable = pods.filter(hasUsableIdentity).sort(byRank);
    if (usable.length < pods.length) {
      log.error(
        { pods: pods.length - usable.length },
        'pods without a proper name, namespace or uid are ignored',
      );
    }
    this.#desired = new Map(usable.map((pod) => [pod.metadata.uid ?? '', pod]));
    for (const [uid, { worker }] of this.#entries) {
      if (this.#desired.has(uid)) continue;
      worker.remove();
      placed.release(uid);
    }
    const fresh = [...this.#desired.keys()].filter((uid) => !this.#entries.has(uid));
    this.#options.context.starts.gather(fresh.length);
    for (const [uid, pod] of this.#desired) {
      const entry = this.#entries.get(uid);
      if (entry === undefined) this.#start(uid, pod, false);
      else if (entry.worker.isDesired && entry.pod !== pod) {
        entry.pod = pod;
        entry.worker.update(pod);
      }
    }
    // The others are read when a pod comes or a container starts.
    const waitedFor = ['ConfigMap', 'Secret', 'RuntimeClass', 'VolumeClaim', 'TrustAnchors'];
    const objects = changed.filter(({ kind }) => waitedFor.includes(kind));
    if (objects.length > 0) this.#tellOfObjects(objects);
  }

  /** The process of a container or sandbox has ended: its pod looks again. */
  containerEnded(containerId: string, end: ProcessEnd): void {
    this.#options.context.observer.noteEnd(containerId, end);
    const workers = this.list();
    const owner = workers.find(({ observed: { sandboxes, containers } }) => {
      return [...sandboxes, ...containers].some(({ id }) => id === containerId);
    });
    // A container that nobody has seen may be one that a worker has made and not looked at yet.
    const others = workers.filter(({ isAtWork }) => isAtWork);
    for (const worker of owner === undefined ? others : [owner]) worker.wake();
  }

  /** Memory ran out in a container, of whose end it is told as well. */
  containerOutOfMemory(containerId: string): void {
    this.#options.context.observer.noteOutOfMemory(containerId);
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

  /** The provider can be asked for tokens again. */
  cloudIsBack(): void {
    for (const { worker } of this.#entries.values()) worker.cloudIsBack();
  }

  /** Pods can have addresses again. */
  networkIsBack(): void {
    for (const { worker } of this.#entries.values()) worker.networkIsBack();
  }

  /** Whether a pod is desired, or still ends. */
  has(podUid: string): boolean {
    return this.#entries.has(podUid);
  }

  /** Every pod that is on the device, also those that only end. */
  list(): PodWorker[] {
    return Array.from(this.#entries.values(), ({ worker }) => worker);
  }

  /** Uids of pods that aren't among these and of which something is left, or may be. */
  endingBesides(desired: readonly Pod[]): string[] {
    const uids = new Set(desired.map(({ metadata }) => metadata.uid));
    const others = Array.from(this.#entries).filter(([uid]) => !uids.has(uid));
    return others.filter(([, { worker }]) => !worker.isGone).map(([uid]) => uid);
  }

  /** Whether a pod has an address of the pod network, or may still get one. */
  get usesPodNetwork(): boolean {
    if (Array.from(this.#desired.keys()).some((uid) => !this.#entries.has(uid))) return true;
    return this.list().some(
      ({ pod, status }) => pod.spec.hostNetwork !== true && !hasEnded(status),
    );
  }

  /** Stops all pods until the next runner starts. @returns how many had not stopped in time. */
  drain(grace: ShutdownGrace): Promise<number> {
    this.#isDraining = true;
    return drainPods(this.list(), grace, this.#options.context.log);
  }

  /** The pod of this name, and of this uid where it is given: the one that is desired, before one that only ends. */
  find(namespace: string, name: string, uid?: string): PodWorker | undefined {
    const found = this.#named(namespace, name)
      .map(({ worker }) => worker)
      .filter(({ pod }) => uid === undefined || pod.metadata.uid === uid);
    return found.find(({ isDesired }) => isDesired) ?? found[0];
  }

  /** Resolves when every worker has stopped; abort the signal first. */
  async stopped(): Promise<void> {
    await Promise.all(Array.from(this.#entries.values(), ({ done }) => done));
  }

  #end(orphans: Iterable<RuntimePod>): void {
    for (const orphan of orphans) {
      if (!this.#entries.has(orphan.uid)) this.#start(orphan.uid, orphanPod(orphan), true);
    }
  }

  #start(uid: string, pod: Pod, removed: boolean): void {
    const { context } = this.#options;
    const { namespace = '', name } = pod.metadata;
    const before = removed ? [] : this.#named(namespace, name);
    const last = this.#lastStatus(uid, pod);
    const misfit = removed ? undefined : this.#place(pod, last);
    const worker = new PodWorker({ context, pod, lastStatus: last, removed, misfit });
    if (this.#isDraining) void worker.halt(0);
    this.#entries.set(uid, { pod, worker, done: this.#run(uid, worker, before) });
    this.#options.onPods?.();
  }

  /** A pod that the cloud calls over is over, also where nothing here knows of it; from now on something does. */
  #lastStatus(uid: string, pod: Pod): PodStatus | undefined {
    const { context, lastStatus } = this.#options;
    const known = lastStatus(uid);
    const told = hasEnded(known) ? undefined : toldEnd(pod);
    if (told === undefined) return known;
    const { name, namespace = '' } = pod.metadata;
    context.publish({ uid, name, namespace, gone: false, status: { ...told } }, 'lazily');
    return told;
  }

  /** A pod that was there before has its place, and one that is over needs none. */
  #place(pod: Pod, last: PodStatus | undefined): Misfit | undefined {
    const { placed } = this.#options.context;
    if (hasEnded(last) || formProblem(pod) !== undefined) return undefined;
    if (last === undefined) return placed.place(pod) && this.#preempt(pod);
    placed.keep(pod);
    return undefined;
  }

  /** A critical pod takes the places of lesser ones; returns why a pod still gets none. */
  #preempt(pod: Pod): Misfit | undefined {
    const { placed } = this.#options.context;
    const victims = isCritical(pod) ? placed.victimsOf(pod) : undefined;
    for (const { metadata } of victims ?? []) {
      const uid = metadata.uid ?? '';
      this.#entries.get(uid)?.worker.evict({
        ...{ reason: 'Preempting', message: 'Preempted in order to admit critical pod' },
        disruption: 'TerminationByKubelet',
        disruptionMessage: 'Pod was preempted by Kubelet to accommodate a critical pod.',
      });
      placed.release(uid);
    }
    return placed.place(pod);
  }

  /** Never two pods with one name at a time, not even while the first is still ending. */
  async #run(uid: string, worker: PodWorker, before: readonly Entry[]): Promise<void> {
    const { log } = this.#options.context;
    if (before.length > 0) {
      log.info({ pod: worker.pod.metadata }, 'a pod waits for the end of the last one of its name');
      await Promise.all(before.map(({ done }) => done));
    }
    try {
      await worker.run(this.#signal);
    } catch (error) {
      log.error({ err: error, uid }, 'what is kept of a pod that is gone could not be dropped');
    }
    this.#entries.delete(uid);
    this.#options.onPods?.();
    this.#options.context.placed.release(uid);
    const again = this.#desired.get(uid);
    if (again !== undefined && !this.#signal.aborted) this.#start(uid, again, false);
  }

  #named(namespace: string, name: string): Entry[] {
    return Array.from(this.#entries.values()).filter(({ worker }) => {
      const { metadata } = worker.pod;
      return metadata.namespace === namespace && metadata.name === name;
    });
  }

  #tellOfObjects(changed: readonly ChangedObject[]): void {
    for (const { worker } of this.#entries.values()) {
      const near = changed.filter(
        ({ namespace }) => namespace === '' || namespace === worker.pod.metadata.namespace,
      );
      const secrets = near.filter(({ kind }) => kind === 'Secret').map(({ name }) => name);
      if (near.length > 0) worker.objectsChanged(new Set(secrets));
    }
  }
}

function nameOf(namespace: string | undefined, name: string): string {
  return `${namespace ?? ''}/${name}`;
}

/** Enough of a pod to end it by. */
function orphanPod({ uid, namespace, name, graceSeconds }: RuntimePod): Pod {
  return {
    metadata: { uid, namespace, name },
    spec: { containers: [], terminationGracePeriodSeconds: graceSeconds },
  };
}
