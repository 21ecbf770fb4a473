import { isDeepStrictEqual } from 'node:util';
import type { Container, Pod, PodSpec, PodStatus } from '../../kube/api.ts';
import { unsupportedFields } from '../../kube/unsupported.ts';
import { CriError } from '../cri/cri-error.ts';
import { VolumeError } from '../volumes/volume-error.ts';
import { nextBackOff, type BackOff } from './back-off.ts';
import { podAddresses, startContainer } from './container-starter.ts';
import type { PodEvents } from './event-recorder.ts';
import { Holds } from './holds.ts';
import { liveContainers, newestContainer, newestSandbox, type ObservedPod } from './observed.ts';
import { isFinished, planPod, sandboxKey, type PodPlan, type PodStep } from './plan.ts';
import { volumeSources, type PodContext } from './pod-context.ts';
import { PodProblem } from './pod-problem.ts';
import { isTerminal, podStatus, type PodRejection } from './pod-status.ts';
import { removeContainer, removePod, stopContainer, stopPod } from './pod-stopper.ts';
import { startSandbox } from './sandbox-starter.ts';
import { TerminationMessages } from './termination-messages.ts';
import { WakeUp } from './wake-up.ts';

/** Where a pod is in its life on this device. */
type Life =
  | { kind: 'running' }
  /** Ended by itself or failed as a whole; what is left is its status and logs. */
  | { kind: 'ended'; rejection: PodRejection | undefined }
  /** Everything is gone from the device; only the cloud's word is awaited. */
  | { kind: 'gone' };

export interface PodWorkerOptions {
  context: PodContext;
  pod: Pod;
  /** The status that was reported before the runner started, if any. */
  lastStatus: PodStatus | undefined;
  /** The pod was removed from the desired state before this worker was made. */
  removed?: boolean;
}

/** How long `ErrImagePull` is shown before it becomes `ImagePullBackOff`. */
const showPullErrorMs = 2_000;

/** How soon to look again for the end of a container that CRI has not written down yet. */
const settleMs = 20;

/** How long after a try to renew a token the next one comes. */
const tokenRetryMs = 60_000;

/** Keeps one pod as it should be: looks, plans one round of steps, carries them out, looks again. */
export class PodWorker {
  readonly #context: PodContext;
  readonly #wakeUp = new WakeUp();
  readonly #holds = new Holds();
  readonly #restartBackOff = new Map<string, BackOff>();
  readonly #announced = new Map<string, number>();
  readonly #messages: TerminationMessages;
  #pod: Pod;
  #removed: boolean;
  #life: Life = { kind: 'running' };
  #status: PodStatus | undefined;
  #observed: ObservedPod = { sandboxes: [], containers: [], settling: false };
  #volumes: 'none' | 'ready' | 'stale' = 'none';
  #start = new AbortController();
  #tokensTriedAtMs = 0;
  #checkedSpec: PodSpec | undefined;
  readonly #endWatches = new Set<{ containerId: string; listener: () => void }>();

  constructor(options: PodWorkerOptions) {
    this.#context = options.context;
    this.#pod = options.pod;
    this.#removed = options.removed ?? false;
    this.#status = options.lastStatus;
    this.#messages = new TerminationMessages(options.context.files);
    if (isTerminal(options.lastStatus)) {
      const { phase, reason, message } = options.lastStatus ?? {};
      const rejected = phase === 'Failed' && reason !== undefined;
      this.#life = {
        kind: 'ended',
        rejection: rejected ? { reason, message: message ?? '' } : undefined,
      };
    }
  }

  get pod(): Pod {
    return this.#pod;
  }

  /** What the runtime last said of the pod. */
  get observed(): ObservedPod {
    return this.#observed;
  }

  /** Calls back once when a container is known to have ended. Returns how to stop it. */
  onContainerEnd(containerId: string, listener: () => void): () => void {
    const watch = { containerId, listener };
    this.#endWatches.add(watch);
    this.#callEndWatches();
    return () => {
      this.#endWatches.delete(watch);
    };
  }

  /** Takes the newest spec. */
  update(pod: Pod): void {
    this.#pod = pod;
    if (pod.metadata.deletionTimestamp !== undefined) this.#start.abort();
    this.#wakeUp.wake();
  }

  /** The pod is no longer desired: it is stopped, and the worker ends. */
  remove(): void {
    this.#removed = true;
    this.#start.abort();
    this.#wakeUp.wake();
  }

  /** A ConfigMap, Secret or token that the pod may use has changed. */
  objectsChanged(): void {
    if (this.#volumes === 'ready') this.#volumes = 'stale';
    this.#holds.clearAll();
    this.#wakeUp.wake();
  }

  /** Something happened to one of the pod's containers. */
  wake(): void {
    this.#wakeUp.wake();
  }

  /** Works until the pod is removed and gone, or the signal aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      let wakeAtMs: number | undefined;
      try {
        if (this.#removed && this.#life.kind === 'gone') break;
        wakeAtMs = await this.#round(signal);
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        wakeAtMs = this.#context.now() + Math.min(1_000 * 2 ** (failures - 1), 30_000);
        this.#complain(error, failures);
      }
      await this.#wakeUp.wait(wakeAtMs, this.#context.now, signal);
    }
    if (!signal.aborted) this.#context.forget(this.#uid);
  }

  /** One look and what follows from it. Returns when to look again; undefined: when woken. */
  async #round(signal: AbortSignal): Promise<number | undefined> {
    if (this.#start.signal.aborted && !this.#mustEnd) this.#start = new AbortController();
    await this.#observe();
    if (this.#mustEnd) return this.#end();
    if (this.#life.kind === 'ended') return this.#rest(this.#life.rejection);
    const rejection = this.#rejection();
    if (rejection !== undefined) return this.#reject(rejection);
    const plan = this.#plan();
    if (isFinished({ pod: this.#pod, observed: this.#observed })) {
      this.#life = { kind: 'ended', rejection: undefined };
      return this.#rest(undefined);
    }
    this.#announceBackOff(plan);
    this.#publish(plan.waiting, undefined);
    if (plan.steps.length === 0) {
      await this.#refreshVolumes(signal);
      return earliest(plan.wakeAtMs, this.#deadlineMs, this.#renewTokensAtMs, this.#settledAtMs);
    }
    for (const step of plan.steps) await this.#carryOut(step);
    return this.#context.now();
  }

  get #uid(): string {
    return this.#pod.metadata.uid ?? '';
  }

  get #mustEnd(): boolean {
    return this.#removed || this.#pod.metadata.deletionTimestamp !== undefined;
  }

  get #events(): PodEvents {
    return this.#context.events.forPod(this.#pod);
  }

  get #graceSeconds(): number {
    const { deletionGracePeriodSeconds } = this.#pod.metadata;
    return deletionGracePeriodSeconds ?? this.#pod.spec.terminationGracePeriodSeconds ?? 30;
  }

  get #deadlineMs(): number | undefined {
    const { activeDeadlineSeconds } = this.#pod.spec;
    if (activeDeadlineSeconds === undefined || this.#status?.startTime === undefined)
      return undefined;
    return Date.parse(this.#status.startTime) + activeDeadlineSeconds * 1000;
  }

  get #settledAtMs(): number | undefined {
    return this.#observed.settling ? this.#context.now() + settleMs : undefined;
  }

  /** A token that could not be renewed in time is tried again after a while. */
  get #renewTokensAtMs(): number | undefined {
    const dueAtMs = this.#context.tokens.renewAtMs(this.#pod);
    return dueAtMs && Math.max(dueAtMs, this.#tokensTriedAtMs + tokenRetryMs);
  }

  async #observe(): Promise<void> {
    this.#observed = await this.#context.observer.observe(this.#uid);
    await this.#messages.update(this.#observed);
    this.#callEndWatches();
  }

  #callEndWatches(): void {
    for (const watch of this.#endWatches) {
      const found = this.#observed.containers.find(({ id }) => id === watch.containerId);
      if (found !== undefined && found.state !== 'exited') continue;
      this.#endWatches.delete(watch);
      watch.listener();
    }
  }

  #plan(): PodPlan {
    return planPod({
      pod: this.#pod,
      observed: this.#observed,
      restartBackOff: this.#restartBackOff,
      notBeforeMs: this.#holds.notBeforeMs,
      nowMs: this.#context.now(),
    });
  }

  /** Why this device must not run the pod, or not any longer. */
  #rejection(): PodRejection | undefined {
    if (this.#deadlineMs !== undefined && this.#context.now() >= this.#deadlineMs) {
      return {
        reason: 'DeadlineExceeded',
        message: 'Pod was active on the node longer than the specified deadline',
      };
    }
    if (this.#checkedSpec === this.#pod.spec) return undefined;
    this.#checkedSpec = this.#pod.spec;
    const fields = unsupportedFields(this.#pod);
    if (fields.length === 0) return undefined;
    const list = fields.map(({ path, reason }) => `${path} (${reason})`).join(', ');
    const why = `this site's runner doesn't support ${list}`;
    if (this.#observed.containers.length === 0) {
      return { reason: 'UnsupportedPodSpec', message: `Pod was rejected: ${why}` };
    }
    // What is asked of a pod that already runs, such as an ephemeral container, doesn't end it.
    this.#events.record('Warning', 'UnsupportedPodSpec', `Change was ignored: ${why}`);
    return undefined;
  }

  async #reject(rejection: PodRejection): Promise<undefined> {
    this.#events.record('Warning', rejection.reason, rejection.message);
    this.#life = { kind: 'ended', rejection };
    return this.#rest(rejection);
  }

  /** A pod that has ended keeps nothing running; its containers stay for `kubectl logs`. */
  async #rest(rejection: PodRejection | undefined): Promise<undefined> {
    const ready = this.#observed.sandboxes.some((sandbox) => sandbox.ready);
    if (ready || liveContainers(this.#observed).length > 0) {
      await stopPod(this.#context, this.#observed, this.#graceSeconds);
      await this.#observe();
    }
    this.#publish(new Map(), rejection);
    return undefined;
  }

  async #carryOut(step: PodStep): Promise<void> {
    switch (step.type) {
      case 'create-sandbox':
        return this.#createSandbox(step);
      case 'start-container':
        return this.#startContainer(step);
      case 'stop-container':
        this.#events.record('Normal', 'Killing', step.message, step.name);
        return stopContainer(this.#context, step, this.#graceSeconds);
      case 'remove-container':
        return removeContainer(this.#context, step);
      case 'stop-pod':
        return stopPod(this.#context, this.#observed, this.#graceSeconds);
    }
  }

  async #createSandbox(step: { attempt: number; replaces: boolean }): Promise<void> {
    if (step.replaces) {
      this.#events.record(
        'Normal',
        'SandboxChanged',
        'Pod sandbox changed, it will be killed and re-created.',
      );
      await stopPod(this.#context, this.#observed, this.#graceSeconds);
      for (const old of this.#observed.sandboxes.slice(1)) {
        const used = this.#observed.containers.some(({ sandboxId }) => sandboxId === old.id);
        if (!used) await this.#context.cri.removePodSandbox({ podSandboxId: old.id });
      }
    }
    const [volumes, sandbox] = await Promise.allSettled([
      this.#prepareVolumes(),
      startSandbox(this.#context, this.#pod, step.attempt),
    ]);
    if (volumes.status === 'rejected') throw volumes.reason;
    if (sandbox.status === 'fulfilled') {
      this.#holds.clear(sandboxKey);
      return;
    }
    const error: unknown = sandbox.reason;
    if (!(error instanceof CriError) || error.code === 'UNAVAILABLE') throw error;
    const message = `Failed to create pod sandbox: ${error.detail}`;
    this.#events.record('Warning', 'FailedCreatePodSandBox', message);
    this.#holds.hold(sandboxKey, undefined, this.#context.now());
  }

  async #startContainer(step: { name: string; attempt: number }): Promise<void> {
    const container = this.#containerNamed(step.name);
    const sandbox = newestSandbox(this.#observed);
    if (container === undefined || sandbox === undefined) return;
    if (this.#volumes === 'none' && !(await this.#prepareVolumes())) return;
    const ended = newestContainer(this.#observed, step.name);
    try {
      await startContainer(this.#context, {
        ...{ pod: this.#pod, container, attempt: step.attempt, sandbox, events: this.#events },
        signal: this.#start.signal,
      });
      this.#holds.clear(step.name);
    } catch (error) {
      if (this.#start.signal.aborted) return;
      if (!(error instanceof PodProblem)) throw error;
      this.#hold(container, error);
    } finally {
      if (ended?.state === 'exited') this.#slowDown(step.name, ended.finishedAtMs);
    }
  }

  #hold(container: Container, problem: PodProblem): void {
    this.#holds.hold(container.name, problem, this.#context.now());
    const reported = ['ErrImagePull', 'ErrImageNeverPull', 'InvalidImageName'];
    if (!reported.includes(problem.reason)) {
      this.#events.record('Warning', 'Failed', `Error: ${problem.message}`, container.name);
    } else if (problem.reason !== 'ErrImagePull') {
      this.#events.record('Warning', 'Failed', `Error: ${problem.reason}`, container.name);
    }
  }

  #slowDown(name: string, finishedAtMs: number): void {
    const backOff = this.#restartBackOff.get(name);
    this.#restartBackOff.set(name, nextBackOff(backOff, finishedAtMs, this.#context.now()));
  }

  #containerNamed(name: string): Container | undefined {
    const { containers, initContainers = [] } = this.#pod.spec;
    return [...initContainers, ...containers].find((container) => container.name === name);
  }

  /** Returns whether the volumes are there; if not, every container waits. */
  async #prepareVolumes(): Promise<boolean> {
    const { volumes } = this.#context;
    try {
      await volumes.prepare(this.#pod, volumeSources(this.#context), this.#start.signal);
      this.#volumes = 'ready';
      return true;
    } catch (error) {
      if (this.#start.signal.aborted) return false;
      if (!(error instanceof VolumeError)) throw error;
      this.#events.record('Warning', 'FailedMount', error.message);
      const { containers, initContainers = [] } = this.#pod.spec;
      for (const { name } of [...initContainers, ...containers]) {
        this.#holds.hold(name, undefined, this.#context.now());
      }
      return false;
    }
  }

  /** Brings changed contents into the volumes of a pod that is otherwise as it should be. */
  async #refreshVolumes(signal: AbortSignal): Promise<void> {
    const tokensAreDue = (this.#renewTokensAtMs ?? Infinity) <= this.#context.now();
    if (this.#volumes === 'ready' && !tokensAreDue) return;
    if (this.#volumes === 'none' && liveContainers(this.#observed).length === 0) return;
    if (tokensAreDue) this.#tokensTriedAtMs = this.#context.now();
    try {
      await this.#context.volumes.refresh(this.#pod, volumeSources(this.#context), signal);
      this.#volumes = 'ready';
    } catch (error) {
      if (!(error instanceof VolumeError)) throw error;
      this.#events.record('Warning', 'FailedMount', error.message);
    }
  }

  /** Says once per wait that a container, or a pull, waits for its back-off. */
  #announceBackOff(plan: PodPlan): void {
    for (const [name, backOff] of plan.waiting) {
      if (this.#announced.get(name) === backOff.updatedAtMs) continue;
      this.#announced.set(name, backOff.updatedAtMs);
      const { name: podName, namespace = '' } = this.#pod.metadata;
      const message = `Back-off restarting failed container ${name} in pod ${podName}_${namespace}(${this.#uid})`;
      this.#events.record('Warning', 'BackOff', message, name);
    }
    for (const [name, { reason }] of this.#holds.problems) {
      if (reason !== 'ErrImagePull') continue;
      const shownSinceMs = this.#announced.get(`pull/${name}`);
      if (shownSinceMs === undefined) {
        this.#announced.set(`pull/${name}`, this.#context.now());
        plan.wakeAtMs = this.#context.now() + showPullErrorMs;
      } else if (this.#context.now() - shownSinceMs >= showPullErrorMs) {
        this.#announced.delete(`pull/${name}`);
        const image = this.#containerNamed(name)?.image ?? '';
        this.#holds.showPullBackOff(name, image);
        this.#events.record('Normal', 'BackOff', `Back-off pulling image "${image}"`, name);
        this.#events.record('Warning', 'Failed', 'Error: ImagePullBackOff', name);
      } else {
        plan.wakeAtMs = shownSinceMs + showPullErrorMs;
      }
    }
  }

  /** Stops the pod for good, cleans up, and reports it gone. */
  async #end(): Promise<number | undefined> {
    if (this.#life.kind === 'gone') return undefined;
    await this.#stopWithNewestGrace();
    await this.#observe();
    const rejection = this.#life.kind === 'ended' ? this.#life.rejection : undefined;
    const status = this.#makeStatus(new Map(), rejection, true);
    await removePod(this.#context, this.#observed);
    await this.#context.volumes.teardown(this.#uid, AbortSignal.timeout(60_000));
    const cgroup = this.#context.cgroupParent(this.#pod);
    if (cgroup !== undefined) await this.#context.removeCgroup(cgroup);
    this.#life = { kind: 'gone' };
    const { name, namespace = '' } = this.#pod.metadata;
    if (!this.#removed) {
      this.#context.publish({ uid: this.#uid, name, namespace, gone: true, status: { ...status } });
    }
    return this.#removed ? this.#context.now() : undefined;
  }

  /** A second delete may shorten the grace while containers are being stopped. */
  async #stopWithNewestGrace(): Promise<void> {
    for (const { name, state } of liveContainers(this.#observed)) {
      if (state !== 'running') continue;
      this.#events.record('Normal', 'Killing', `Stopping container ${name}`, name);
    }
    let graceSeconds = this.#graceSeconds;
    const attempts = [stopPod(this.#context, this.#observed, graceSeconds)];
    const stopped = new AbortController();
    const all = attempts[0]?.finally(() => { stopped.abort(); });
    while (!stopped.signal.aborted) {
      await this.#wakeUp.wait(undefined, this.#context.now, stopped.signal);
      if (this.#graceSeconds >= graceSeconds) continue;
      graceSeconds = this.#graceSeconds;
      attempts.push(stopPod(this.#context, this.#observed, graceSeconds));
    }
    await all;
    await Promise.allSettled(attempts);
  }

  #publish(waiting: ReadonlyMap<string, BackOff>, rejection: PodRejection | undefined): void {
    const status = this.#makeStatus(waiting, rejection, this.#life.kind === 'ended');
    if (isDeepStrictEqual(status, this.#status)) return;
    this.#status = status;
    const { name, namespace = '' } = this.#pod.metadata;
    this.#context.publish({ uid: this.#uid, name, namespace, gone: false, status: { ...status } });
  }

  #makeStatus(
    waiting: ReadonlyMap<string, BackOff>,
    rejection: PodRejection | undefined,
    finished: boolean,
  ): PodStatus {
    return podStatus({
      ...{ pod: this.#pod, observed: this.#observed, waiting, finished, rejection },
      problems: this.#holds.problems,
      messages: this.#messages.byContainer,
      podIPs: podAddresses(this.#context, this.#pod, newestSandbox(this.#observed)),
      hostIPs: this.#context.node.hostIPs,
      previous: this.#status,
      nowMs: this.#context.now(),
    });
  }

  #complain(error: unknown, failures: number): void {
    const { name, namespace } = this.#pod.metadata;
    const fields = { err: error, pod: name, namespace, failures };
    this.#context.log.warn(fields, 'pod could not be brought to its desired state; trying again');
  }
}

function earliest(...timesMs: (number | undefined)[]): number | undefined {
  const known = timesMs.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
