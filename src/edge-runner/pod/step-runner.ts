import type { Pod } from '../../kube/api.ts';
import type { Misfit } from '../../kube/node-fit.ts';
import { KubeRuleError } from '../../kube/kube-rule-error.ts';
import { CriError, isRuntimeGone } from '../cri/cri-error.ts';
import { HostError } from '../host/host-error.ts';
import { VolumeError } from '../volumes/volume-error.ts';
import { backOffRemainingMs, nextBackOff, type BackOff } from './back-off.ts';
import { resizeBeforeStart, resizeContainer } from './container-resizer.ts';
import { startContainer } from './container-starter.ts';
import type { PodEvents } from './event-recorder.ts';
import type { Holds } from './holds.ts';
import {
  newestContainer,
  newestSandbox,
  type ObservedContainer,
  type ObservedPod,
} from './observed.ts';
import { resizeKey, sandboxKey, type PodStep } from './pod-plan.ts';
import { containerNamed, containersOf } from './pod-containers.ts';
import type { PodContext } from './pod-context.ts';
import type { PodHealth } from './pod-health.ts';
import { rankOf } from './pod-rank.ts';
import { PodProblem } from './pod-problem.ts';
import {
  killContainer,
  removeContainer,
  removeSandbox,
  stopContainer,
  stopPod,
} from './pod-stopper.ts';
import { startSandbox } from './sandbox-starter.ts';
import type { VolumeKeeper } from './volume-keeper.ts';
import type { WakeUp } from './wake-up.ts';

/** The pod as it was when its steps were planned. */
export interface Scene {
  pod: Pod;
  observed: ObservedPod;
  events: PodEvents;
  health: PodHealth;
  graceSeconds: () => number;
  /** Why the pod waits for other resources, if it does. */
  resizePending: Misfit | undefined;
  /** The pod with the resources that it waits for. */
  resizeWanted: Pod | undefined;
  /** Aborts when the pod is no longer to be brought up, or the runner ends. */
  signal: AbortSignal;
}

type Step<Type extends PodStep['type']> = Extract<PodStep, { type: Type }>;

/** Carries out the steps of one pod's plans, and remembers what must wait before it is tried again. */
export class StepRunner {
  readonly #context: PodContext;
  readonly #holds: Holds;
  readonly #volumes: VolumeKeeper;
  readonly #wakeUp: WakeUp;
  readonly #restartBackOff = new Map<string, BackOff>();

  constructor(parts: { context: PodContext; holds: Holds; volumes: VolumeKeeper; wakeUp: WakeUp }) {
    this.#context = parts.context;
    this.#holds = parts.holds;
    this.#volumes = parts.volumes;
    this.#wakeUp = parts.wakeUp;
  }

  get restartBackOff(): ReadonlyMap<string, BackOff> {
    return this.#restartBackOff;
  }

  /** A container that is another now has not failed yet. */
  forgetFailures(containerName: string): void {
    this.#holds.clear(containerName);
    this.#restartBackOff.delete(containerName);
  }

  /** @throws CriError when the runtime fails; what the pod itself can't have is held and shown. */
  async run(step: PodStep, scene: Scene): Promise<void> {
    switch (step.type) {
      case 'create-sandbox':
        return this.#createSandbox(step, scene);
      case 'start-container':
        return this.#startContainer(step, scene);
      case 'stop-container':
        return this.#stopContainer(step, scene);
      case 'resize-container':
        return this.#resizeContainer(step, scene);
      case 'restart-all':
        return this.#restartAll(step, scene);
      case 'remove-container':
        return removeContainer(this.#context, step);
      case 'remove-sandbox':
        return removeSandbox(this.#context, step);
    }
  }

  async #stopContainer(step: Step<'stop-container'>, scene: Scene): Promise<void> {
    const { observed, events, graceSeconds } = scene;
    const container = observed.containers.find(({ id }) => id === step.id);
    if (container === undefined) return;
    events.record('Normal', 'Killing', step.message, container.name);
    await stopContainer(this.#context, scene, container, step.graceSeconds ?? graceSeconds());
    if (step.restartAs === undefined) return;
    await this.#startAgain({ name: container.name, attempt: step.restartAs }, scene);
  }

  /**
   * The back-off of a container that was stopped to start again counts from the end of the one before
   * it; where that isn't over yet, it is from now on a container that has ended, like others.
   * Source: kubelet, SyncPod and doBackOff, which know nothing of what SyncPod has just killed.
   */
  async #startAgain(again: { name: string; attempt: number }, scene: Scene): Promise<void> {
    const ended = endedOf(scene.observed, again.name);
    const backOff = this.#restartBackOff.get(again.name);
    const nowMs = this.#context.clock.monotonicMs();
    if (backOffRemainingMs(backOff, ended[0]?.endedAtMs ?? -Infinity, nowMs) > 0) return;
    if (scene.signal.aborted) return;
    for (const old of ended) await removeContainer(this.#context, old);
    await this.#startContainer({ type: 'start-container', ...again }, scene);
  }

  /** The one that has ended goes last: as long as it is there the rest can be done again. */
  async #restartAll({ trigger }: Step<'restart-all'>, scene: Scene): Promise<void> {
    const { pod, observed, events, graceSeconds } = scene;
    const ephemeral = new Set(pod.spec.ephemeralContainers?.map(({ name }) => name));
    const all = observed.containers.filter(({ name }) => !ephemeral.has(name));
    const isTrigger = ({ name, state }: ObservedContainer): boolean =>
      name === trigger && state === 'exited';
    await Promise.all(
      all.map(async (container) => {
        if (container.state === 'exited') return;
        const message = `Stopping container ${container.name}`;
        events.record('Normal', 'Killing', message, container.name);
        await killContainer(this.#context, scene, container, graceSeconds());
      }),
    );
    const last = all.filter(isTrigger);
    for (const container of all) {
      if (!isTrigger(container)) await removeContainer(this.#context, container);
    }
    for (const container of last) await removeContainer(this.#context, container);
    const [{ endedAtMs } = { endedAtMs: 0 }] = last;
    this.#slowDown(trigger, endedAtMs);
  }

  async #createSandbox(step: Step<'create-sandbox'>, scene: Scene): Promise<void> {
    const { pod, signal } = scene;
    await this.#context.starts.run(rankOf(pod), signal, () => this.#bringUp(step, scene));
  }

  async #bringUp(step: Step<'create-sandbox'>, scene: Scene): Promise<void> {
    const { pod, events, signal } = scene;
    const unreachable = await this.#networkProblem(pod);
    if (unreachable !== undefined) {
      events.record('Warning', 'NetworkNotReady', `network is not ready: ${unreachable}`);
      this.#holds.hold(sandboxKey, undefined, this.#context.clock.monotonicMs());
      return;
    }
    if (step.replaces) await this.#clearAway(scene);
    const [volumes, sandbox] = await Promise.allSettled([
      this.#prepareVolumes(scene),
      startSandbox(this.#context, { pod, attempt: step.attempt, events, signal }),
    ]);
    if (sandbox.status === 'fulfilled') this.#sandboxMade(step.replaces);
    else if (!signal.aborted) this.#holdSandbox(sandbox.reason, events);
    if (volumes.status === 'rejected') throw volumes.reason;
  }

  async #networkProblem({ spec }: Pod): Promise<string | undefined> {
    if (spec.hostNetwork === true) return undefined;
    return this.#context.networkProblem(this.#holds.isHeld(sandboxKey));
  }

  /** One that was lost is replaced at once; one that is lost again and again, ever more slowly. */
  #sandboxMade(replaces: boolean): void {
    if (!replaces) this.#holds.clear(sandboxKey);
    else this.#holds.hold(sandboxKey, undefined, this.#context.clock.monotonicMs());
  }

  /** Stops what was left of the pod, and removes sandboxes that no container's log needs. */
  async #clearAway(scene: Scene): Promise<void> {
    const { observed, events } = scene;
    const message = 'Pod sandbox changed, it will be killed and re-created.';
    events.record('Normal', 'SandboxChanged', message);
    await stopPod(this.#context, { ...scene, wakeUp: this.#wakeUp });
    for (const old of observed.sandboxes.slice(1)) {
      const used = observed.containers.some(({ sandboxId }) => sandboxId === old.id);
      if (!used) await removeSandbox(this.#context, old);
    }
  }

  #holdSandbox(error: unknown, events: PodEvents): void {
    if (error instanceof PodProblem) events.record('Warning', error.reason, error.message);
    else {
      const message = `Failed to create pod sandbox: ${sandboxProblem(error)}`;
      events.record('Warning', 'FailedCreatePodSandBox', message);
    }
    this.#holds.hold(sandboxKey, undefined, this.#context.clock.monotonicMs());
  }

  async #startContainer(step: Step<'start-container'>, scene: Scene): Promise<void> {
    const { pod, observed, signal } = scene;
    const container = containerNamed(pod, step.name);
    const sandbox = newestSandbox(observed);
    if (container === undefined || sandbox === undefined) return;
    if (!this.#volumes.isFresh && !(await this.#prepareVolumes(scene))) return;
    const isAnew = newestContainer(observed, step.name)?.state === 'created';
    const [before] = isAnew ? [] : endedOf(observed, step.name);
    const request = { ...scene, container, attempt: step.attempt, sandbox };
    try {
      await resizeBeforeStart(this.#context, scene, container);
      await startContainer(this.#context, request);
      this.#holds.clear(step.name);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof PodProblem)) throw error;
      this.#holdContainer(step.name, error, scene.events);
    } finally {
      if (before !== undefined) this.#slowDown(step.name, before.endedAtMs);
    }
  }

  async #resizeContainer(step: Step<'resize-container'>, scene: Scene): Promise<void> {
    const container = containerNamed(scene.pod, step.name);
    if (container === undefined) return;
    try {
      await resizeContainer(this.#context, scene, { id: step.id, container });
      this.#holds.clear(resizeKey(step.name));
    } catch (error) {
      if (!(error instanceof PodProblem)) throw error;
      this.#holds.hold(resizeKey(step.name), error, this.#context.clock.monotonicMs());
    }
  }

  #holdContainer(name: string, problem: PodProblem, events: PodEvents): void {
    this.#holds.hold(name, problem, this.#context.clock.monotonicMs());
    if (problem.reason === 'PostStartHookError') return;
    const reported = ['ErrImagePull', 'ErrImageNeverPull', 'ImageInspectError', 'InvalidImageName'];
    if (!reported.includes(problem.reason)) {
      events.record('Warning', 'Failed', `Error: ${problem.message}`, name);
    } else if (problem.reason !== 'ErrImagePull') {
      events.record('Warning', 'Failed', `Error: ${problem.reason}`, name);
    }
  }

  #slowDown(name: string, endedAtMs: number): void {
    const backOff = this.#restartBackOff.get(name);
    const nowMs = this.#context.clock.monotonicMs();
    this.#restartBackOff.set(name, nextBackOff(backOff, endedAtMs, nowMs));
  }

  /** Returns whether the volumes are there; if not, every container waits. */
  async #prepareVolumes({ pod, events, signal }: Scene): Promise<boolean> {
    try {
      await this.#volumes.prepare(pod, signal);
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      if (!(error instanceof VolumeError)) throw error;
      events.record('Warning', 'FailedMount', error.message);
      if (error.code === 'NOT_RENEWED') return true;
      const nowMs = this.#context.clock.monotonicMs();
      for (const { name } of containersOf(pod)) this.#holds.hold(name, undefined, nowMs);
      return false;
    }
  }
}

/** Instances of a container that have ended, the newest first. */
function endedOf({ containers }: ObservedPod, name: string): ObservedContainer[] {
  return containers.filter((each) => each.name === name && each.state === 'exited');
}

/** What a kubelet says about a sandbox that can't be made; a runtime that is away is another matter. */
function sandboxProblem(error: unknown): string {
  if (error instanceof KubeRuleError || error instanceof HostError) return error.message;
  if (!(error instanceof CriError) || isRuntimeGone(error)) throw error;
  return error.detail;
}
