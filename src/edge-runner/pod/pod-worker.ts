import type { Pod, PodStatus } from '../../kube/api.ts';
import type { Misfit } from '../../kube/node-fit.ts';
import { ActiveDeadline, deadlineExceeded } from './active-deadline.ts';
import { Discard } from './discard.ts';
import type { ProbeCount } from '../probes/probe-counts.ts';
import type { PodEvents } from './event-recorder.ts';
import type { ObservedPod } from './observed.ts';
import { exceededGracePeriod } from './kill-watch.ts';
import { isFinished } from './plan.ts';
import { PodAdmission } from './pod-admission.ts';
import { PodAllotment } from './pod-allotment.ts';
import type { PodContext } from './pod-context.ts';
import { PodEnding } from './pod-ending.ts';
import { PodHealth } from './pod-health.ts';
import { lifeAfter, nextLife, type Life } from './pod-life.ts';
import { PodLook } from './pod-look.ts';
import { lastAttempts, type PodRejection } from './pod-status.ts';
import { earliest, PodUpkeep } from './pod-upkeep.ts';
import { repeatRounds } from './repeat-rounds.ts';
import { tellFailure } from './runtime-failures.ts';
import { StatusKeeper } from './status-keeper.ts';
import type { Scene } from './step-runner.ts';
import { StopOrders } from './stop-orders.ts';
import { WakeUp } from './wake-up.ts';

export interface PodWorkerOptions {
  context: PodContext;
  pod: Pod;
  /** The status that was reported before the runner started, if any. */
  lastStatus: PodStatus | undefined;
  /** The pod was removed from the desired state before this worker was made. */
  removed?: boolean;
  /** Why the device has no place for the pod, if it has none. */
  misfit?: Misfit | undefined;
}

/** Keeps one pod as it should be: looks, does what follows for its life, sleeps, looks again. */
export class PodWorker {
  readonly #context: PodContext;
  readonly #wakeUp = new WakeUp();
  readonly #admission: PodAdmission;
  readonly #allotment: PodAllotment;
  readonly #deadline: ActiveDeadline;
  readonly #status: StatusKeeper;
  readonly #upkeep: PodUpkeep;
  readonly #ending: PodEnding;
  readonly #health: PodHealth;
  readonly #look: PodLook;
  readonly #orders: StopOrders;
  readonly #discard = new Discard();
  #pod: Pod;
  #isAtWork = false;
  #life: Life;

  constructor({ context, pod, lastStatus, removed = false, misfit }: PodWorkerOptions) {
    this.#context = context;
    this.#admission = new PodAdmission(misfit);
    this.#allotment = new PodAllotment(context.placed);
    this.#pod = this.#allotment.first(this.#admission.first(pod), lastStatus);
    this.#orders = new StopOrders({
      ...{ pod: () => this.#pod, removed },
      onExceeded: () => {
        this.#events.record(...exceededGracePeriod);
      },
    });
    this.#life = lifeAfter(lastStatus);
    this.#deadline = new ActiveDeadline(context.clock);
    this.#status = new StatusKeeper(context, lastStatus);
    this.#upkeep = new PodUpkeep(context, this.#status, this.#wakeUp);
    this.#ending = new PodEnding(context, this.#status, this.#wakeUp);
    this.#health = new PodHealth(context, {
      lastStatus,
      events: {
        record: (...event) => {
          this.#events.record(...event);
        },
      },
      onChange: () => {
        this.#wakeUp.wake();
      },
    });
    const parts = { context, status: this.#status, health: this.#health, lastStatus };
    this.#look = new PodLook({ ...parts, subject: this });
  }

  get pod(): Pod {
    return this.#pod;
  }

  /** Whether the desired state still has the pod. */
  get isDesired(): boolean {
    return !this.#orders.isRemoved;
  }

  /** Whether the pod is being brought up or runs, and nobody has asked for its end yet. */
  get isActive(): boolean {
    const { isUnwanted, eviction } = this.#orders;
    return this.#life.kind === 'running' && !isUnwanted && eviction === undefined;
  }

  /** Whether nothing of the pod is left on the device. */
  get isGone(): boolean {
    return this.#life.kind === 'gone';
  }

  /** Whether a round is under way, in which more may be made of the pod than was seen of it. */
  get isAtWork(): boolean {
    return this.#isAtWork;
  }

  /** What the runtime last said of the pod. */
  get observed(): ObservedPod {
    return this.#look.observed;
  }

  /** Whether this runner has made the status; until it has looked, it is an earlier one's. */
  get isStatusOurs(): boolean {
    return this.#status.isOurs;
  }

  /** The status that was reported last. */
  get status(): PodStatus | undefined {
    return this.#status.last;
  }

  /** None of a pod that has ended. */
  get probeCounts(): readonly ProbeCount[] {
    return this.#life.kind === 'ended' ? [] : this.#health.probeCounts;
  }

  /** Calls back once when a container is known to have ended. Returns how to stop it. */
  onContainerEnd(containerId: string, listener: () => void): () => void {
    return this.#look.onContainerEnd(containerId, listener);
  }

  /** Takes the newest spec. */
  update(pod: Pod): void {
    const before = this.#pod;
    const next = this.#admission.next(pod, before, this.#events);
    this.#pod = this.#allotment.next(next, before);
    this.#upkeep.podChanged(before, this.#pod);
    this.#orders.podChanged();
    this.#wakeUp.wake();
  }

  /** The pod is no longer desired: it is stopped, and the worker ends. */
  remove(): void {
    this.#orders.remove();
    this.#wakeUp.wake();
  }

  /** The pod must give way: it is stopped, and has failed. */
  evict(rejection: PodRejection): void {
    if (!this.isActive) return;
    this.#orders.evict(rejection);
    this.#wakeUp.wake();
  }

  /**
   * Stops the pod within its grace, and at most this one, because the device goes down; what is desired
   * of it stays as it is. Resolves once nothing of it runs.
   */
  halt(maxGraceSeconds: number): Promise<undefined> {
    const stopped = this.#orders.halt(maxGraceSeconds);
    this.#wakeUp.wake();
    return stopped;
  }

  /**
   * Gives up containers and logs, where the pod has ended; its status stays. Resolves when that is done,
   * or the signal aborts, or there is nothing to give up.
   */
  async discard(signal: AbortSignal): Promise<void> {
    const { sandboxes, containers } = this.#look.observed;
    if (this.#life.kind !== 'ended' || sandboxes.length + containers.length === 0) return;
    const done = this.#discard.want(signal);
    this.#wakeUp.wake();
    await done;
  }

  /** ConfigMaps or Secrets that the pod may use have changed; `secrets` names the latter. */
  objectsChanged(secrets: ReadonlySet<string>): void {
    const { imagePullSecrets = [] } = this.#pod.spec;
    const credentials = imagePullSecrets.some(({ name = '' }) => secrets.has(name));
    this.#upkeep.objectsChanged({ credentials });
    this.#wakeUp.wake();
  }

  /** The provider can be asked for tokens again. */
  cloudIsBack(): void {
    this.#upkeep.cloudIsBack();
    this.#wakeUp.wake();
  }

  /** The runtime can give the pod an address again. */
  networkIsBack(): void {
    this.#upkeep.networkIsBack();
    this.#wakeUp.wake();
  }

  /** Another pod has left the device. */
  roomMade(): void {
    if (this.#allotment.pending !== undefined) this.#wakeUp.wake();
  }

  /** Something happened to one of the pod's containers. */
  wake(): void {
    this.#wakeUp.wake();
  }

  /**
   * Works until the pod is removed and gone, or the signal aborts; containers stay up then.
   * @throws RunnerError `STORE_FAILED` when what is kept of a pod that is gone can't be dropped.
   */
  async run(signal: AbortSignal): Promise<void> {
    const stop = (): void => {
      this.#orders.breakOff();
    };
    signal.addEventListener('abort', stop, { once: true });
    this.#orders.begin();
    try {
      await repeatRounds(this.#wakeUp, signal, {
        round: () => this.#work(signal),
        isOver: () => this.#orders.isRemoved && this.#life.kind === 'gone',
        onFailure: (error, failures) => {
          this.#complain(error, failures);
        },
      });
    } finally {
      signal.removeEventListener('abort', stop);
      this.#look.close();
      this.#health.stop();
      this.#orders.close();
      this.#discard.tellDone();
    }
    if (!signal.aborted) this.#context.forget(this.#pod.metadata.uid ?? '');
  }

  async #work(signal: AbortSignal): Promise<number | undefined> {
    this.#isAtWork = true;
    try {
      return await this.#round(signal);
    } finally {
      this.#isAtWork = false;
    }
  }

  /** One look and what follows from it. Returns how long to sleep then; undefined: until woken. */
  async #round(signal: AbortSignal): Promise<number | undefined> {
    if (this.#life.kind === 'gone') return undefined;
    this.#pod = this.#allotment.retry(this.#pod);
    await this.#look.take();
    const delayMs = await this.#act(this.#advance(), signal);
    if (!this.#ending.isNeeded(this.#look.observed)) this.#orders.nothingRuns();
    return delayMs;
  }

  #act(life: Life, signal: AbortSignal): Promise<number | undefined> {
    switch (life.kind) {
      case 'running':
        return this.#orders.isHalt ? this.#pause(signal) : this.#keepRunning();
      case 'ended':
        return this.#rest(life.rejection, signal);
      case 'ending':
        return this.#end(life.rejection, signal);
      case 'gone':
        return Promise.resolve(undefined);
    }
  }

  #advance(): Life {
    const before = this.#life;
    const judged = before.kind === 'running' && !this.#orders.isUnwanted;
    const rejection = judged ? this.#rejection() : undefined;
    const finished = judged && rejection === undefined && this.#isFinished;
    this.#life = nextLife(before, { unwanted: this.#orders.isUnwanted, rejection, finished });
    if (rejection !== undefined) {
      const { reason, message, event = message, eventType = 'Warning' } = rejection;
      this.#events.record(eventType, reason, event);
    }
    return this.#life;
  }

  async #keepRunning(): Promise<number | undefined> {
    const delayMs = await this.#upkeep.round(this.#scene(this.#orders.bringUp));
    const deadlineMs = this.#deadline.remainingMs(this.#pod, this.#status.last);
    return earliest(delayMs, deadlineMs, this.#look.observed.settleInMs);
  }

  /** Stops what runs; the next runner goes on from there. */
  async #pause(signal: AbortSignal): Promise<undefined> {
    if (this.#ending.isNeeded(this.#look.observed)) await this.#stop(signal);
    const { pod, observed } = { pod: this.#pod, observed: this.#look.observed };
    this.#status.publish({ pod, observed, waiting: new Map(), problems: new Map() });
  }

  /** A pod that has ended keeps nothing but its status and, for `kubectl logs`, mostly its containers. */
  async #rest(rejection: PodRejection | undefined, signal: AbortSignal): Promise<undefined> {
    if (this.#ending.isNeeded(this.#look.observed)) await this.#stop(signal);
    this.#ending.publish(this.#pod, this.#look.observed, rejection, 'now');
    await this.#ending.cleanUp(this.#pod);
    this.#context.placed.release(this.#pod.metadata.uid ?? '');
    if (!this.#discard.isWanted) return;
    await this.#ending.remove(this.#pod, this.#look.observed);
    await this.#look.take();
    this.#discard.tellDone();
  }

  /** Stops the pod for good, cleans up, and reports it gone. */
  async #end(rejection: PodRejection | undefined, signal: AbortSignal): Promise<undefined> {
    await this.#stop(signal);
    if (!this.#orders.isRemoved) {
      this.#ending.publish(this.#pod, this.#look.observed, rejection, 'lazily');
    }
    await this.#ending.remove(this.#pod, this.#look.observed);
    this.#life = { kind: 'gone' };
    if (!this.#orders.isRemoved) this.#status.publishGone(this.#pod);
  }

  async #stop(signal: AbortSignal): Promise<void> {
    const stop = this.#ending.stop(this.#scene(signal));
    await tellFailure('FailedKillPod', this.#events, stop);
    await this.#look.take();
  }

  #scene(signal: AbortSignal): Scene {
    const graceSeconds = (): number => this.#orders.graceSeconds;
    return {
      ...{ pod: this.#pod, observed: this.#look.observed, events: this.#events },
      ...{ health: this.#health, graceSeconds, signal, resizePending: this.#allotment.pending },
      resizeWanted: this.#allotment.wanted,
    };
  }

  #rejection(): PodRejection | undefined {
    if (this.#orders.eviction !== undefined) return this.#orders.eviction;
    if (this.#deadline.remainingMs(this.#pod, this.#status.last) === 0) return deadlineExceeded;
    return this.#admission.rejection(this.#pod, this.#look.observed, this.#events);
  }

  get #isFinished(): boolean {
    const last = lastAttempts(this.#status.last);
    return isFinished({ pod: this.#pod, observed: this.#look.observed, lastAttempts: last });
  }

  get #events(): PodEvents {
    return this.#context.events.forPod(this.#pod);
  }

  #complain(error: unknown, failures: number): void {
    const { name, namespace, uid } = this.#pod.metadata;
    const fields = { err: error, pod: name, namespace, uid, failures };
    this.#context.log.warn(fields, 'pod could not be brought to its desired state; trying again');
  }
}
