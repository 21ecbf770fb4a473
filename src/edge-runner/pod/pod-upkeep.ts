import type { ContainerStateWaiting, Pod } from '../../kube/api.ts';
import { BackOffAnnouncer } from './back-off-announcer.ts';
import { containerHash } from './container-hash.ts';
import { Holds } from './holds.ts';
import { liveContainers } from './observed.ts';
import { planPod } from './plan.ts';
import { containerNamed, containersOf } from './pod-containers.ts';
import { sandboxKey } from './pod-plan.ts';
import type { PodContext } from './pod-context.ts';
import { lastAttempts } from './pod-status.ts';
import { describesItselfAnew } from './self-description.ts';
import { resizeEvents } from './resize-events.ts';
import type { StatusKeeper } from './status-keeper.ts';
import { StepRunner, type Scene } from './step-runner.ts';
import { VolumeKeeper } from './volume-keeper.ts';
import type { WakeUp } from './wake-up.ts';

/** Brings one pod up and keeps it as its spec says, one plan at a time. */
export class PodUpkeep {
  readonly #context: PodContext;
  readonly #status: StatusKeeper;
  readonly #holds = new Holds();
  readonly #announcer = new BackOffAnnouncer();
  readonly #volumes: VolumeKeeper;
  readonly #steps: StepRunner;

  constructor(context: PodContext, status: StatusKeeper, wakeUp: WakeUp) {
    this.#context = context;
    this.#status = status;
    this.#volumes = new VolumeKeeper(context);
    const parts = { context, wakeUp, holds: this.#holds, volumes: this.#volumes };
    this.#steps = new StepRunner(parts);
  }

  /** Why containers can't be started now, by name. */
  get problems(): ReadonlyMap<string, ContainerStateWaiting> {
    return this.#holds.problems;
  }

  /**
   * An image that is another now is tried at once. Labels, annotations and resources that changed go
   * to the volumes that show them, and what could not be started because of them is tried again.
   */
  podChanged(before: Pod, after: Pod): void {
    for (const container of containersOf(after)) {
      const old = containerNamed(before, container.name);
      const changed = old !== undefined && containerHash(old) !== containerHash(container);
      if (changed) this.#steps.forgetFailures(container.name);
    }
    if (describesItselfAnew(before, after)) this.objectsChanged({ credentials: false });
  }

  /** What the pod's volumes and variables are made of has changed; `credentials`: and what it pulls with. */
  objectsChanged({ credentials }: { credentials: boolean }): void {
    this.#volumes.changed();
    this.#holds.clearAll({ exceptPulls: !credentials });
  }

  /** The cloud can be asked again: what waited for a token need wait no longer. */
  cloudIsBack(): void {
    this.#volumes.retryNow();
    this.#holds.clearAll({ exceptPulls: true });
  }

  /** The runtime can make sandboxes again. */
  networkIsBack(): void {
    this.#holds.clear(sandboxKey);
  }

  /**
   * Plans, reports, and carries out the plan up to the first container that starts: then all looks
   * different. Returns in how many milliseconds to look again; undefined: when something happens.
   * @throws CriError when the runtime fails
   */
  async round(scene: Scene): Promise<number | undefined> {
    const { pod, observed, events, health } = scene;
    const nowMs = this.#context.clock.monotonicMs();
    const plan = planPod({
      ...{ pod, observed, nowMs, restartBackOff: this.#steps.restartBackOff },
      notBeforeMs: this.#holds.notBeforeMs,
      lastAttempts: lastAttempts(this.#status.last),
      isStarted: (container) => health.results.started(container),
      failedProbe: (id) => health.failedProbe(id),
    });
    this.#announcer.announceRestarts(pod, plan, events);
    const pullsAtMs = this.#announcer.announcePulls(pod, this.#holds, events, nowMs);
    const { waiting } = plan;
    const probes = health.results;
    const { resizePending, resizeWanted: wanted } = scene;
    const before = this.#status.last?.conditions ?? [];
    this.#status.publish({
      ...{ pod, observed, waiting, probes, resizePending, problems: this.problems },
    });
    const after = this.#status.last?.conditions ?? [];
    for (const event of resizeEvents({ pod, wanted, before, after })) events.record(...event);
    if (plan.steps.length === 0) {
      const refreshInMs = await this.#refreshVolumes(scene);
      const wakeAtMs = earliest(plan.wakeAtMs, pullsAtMs);
      return earliest(wakeAtMs && Math.max(0, wakeAtMs - nowMs), refreshInMs);
    }
    for (const step of plan.steps) {
      if (scene.signal.aborted) break;
      await this.#steps.run(step, scene);
      if (step.type === 'start-container' || 'restartAs' in step) break;
    }
    return 0;
  }

  async #refreshVolumes({ pod, observed, events, signal }: Scene): Promise<number | undefined> {
    if (liveContainers(observed).length === 0) return undefined;
    await this.#volumes.refresh(pod, events, signal);
    return this.#volumes.nextRefreshMs(pod);
  }
}

/** The first of some moments, or the shortest of some delays. */
export function earliest(...times: (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
