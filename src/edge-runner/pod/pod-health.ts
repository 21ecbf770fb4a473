import type { Pod, PodStatus } from '../../kube/api.ts';
import { allStatuses } from '../../kube/container-status.ts';
import { systemClock as timers, type Clock as TimerClock } from '../../tunnel/clock.ts';
import type { ProbeCount } from '../probes/probe-counts.ts';
import { PodProbes, type FailedProbe, type ProbeResults } from '../probes/pod-probes.ts';
import { PreStopHooks } from '../probes/pre-stop-hooks.ts';
import { createRunHook, type HookProblem, type RunHook } from '../probes/run-hook.ts';
import { createRunProbe } from '../probes/run-probe.ts';
import { withinGrace } from '../probes/within-grace.ts';
import type { PodEvents } from './event-recorder.ts';
import type { ObservedContainer, ObservedPod } from './observed.ts';
import { containerNamed } from './pod-containers.ts';
import type { PodContext } from './pod-context.ts';

/** How a container is to stop. */
interface Stop {
  graceSeconds: number;
  signal: AbortSignal;
  /** Resolves when all that must end before it has. */
  turn?: Promise<unknown> | undefined;
}

/** Probes and lifecycle hooks of one pod. */
export class PodHealth {
  readonly #context: PodContext;
  readonly #clock: TimerClock;
  readonly #probes: PodProbes;
  readonly #preStop: PreStopHooks;
  readonly #runHook: RunHook;
  #podIp: string | undefined;

  constructor(
    context: PodContext,
    pod: { events: PodEvents; lastStatus: PodStatus | undefined; onChange: () => void },
  ) {
    const { events, onChange, lastStatus } = pod;
    const clock: TimerClock = {
      now: () => context.clock.monotonicMs(),
      after: (delayMs, action) => timers.after(delayMs, action),
    };
    this.#context = context;
    this.#clock = clock;
    this.#runHook = createRunHook(context.cri, events);
    this.#preStop = new PreStopHooks({ run: this.#runHook, clock, events });
    this.#probes = new PodProbes({
      ...{ run: createRunProbe(context.cri), clock, events, onChange },
      reported: (containerId) => reportedOf(lastStatus, containerId),
      random: Math.random,
    });
  }

  get results(): ProbeResults {
    return this.#probes;
  }

  get probeCounts(): readonly ProbeCount[] {
    return this.#probes.counts.all;
  }

  /** Takes what the runtime says now, and the pod's first address. */
  observe(pod: Pod, observed: ObservedPod, podIp: string | undefined): void {
    this.#podIp = podIp;
    const containers = observed.containers.map((container) => ({
      ...{ id: container.id, name: container.name, state: container.state },
      ageMs: this.#ageMs(container),
    }));
    this.#probes.update(pod, { containers, podIp });
    const live = observed.containers.filter(({ state }) => state !== 'exited');
    this.#preStop.keepOnly(new Set(live.map(({ id }) => id)));
  }

  failedProbe(containerId: string): FailedProbe | undefined {
    return this.#probes.failure(containerId);
  }

  /** Runs a container's postStart hook, if it has one. Never rejects. */
  async afterStart(
    pod: Pod,
    container: { id: string; name: string },
    signal: AbortSignal,
  ): Promise<HookProblem> {
    const spec = containerNamed(pod, container.name);
    const handler = spec?.lifecycle?.postStart;
    if (spec === undefined || handler === undefined) return undefined;
    return this.#runHook(handler, this.#target(pod, spec, container.id), signal);
  }

  /**
   * Runs a running container's preStop hook, if it has one, and waits for its turn to stop. Resolves
   * with the grace that is left.
   * @throws what `turn` rejects with.
   */
  async beforeStop(
    pod: Pod,
    container: Pick<ObservedContainer, 'id' | 'name' | 'state'>,
    { graceSeconds, signal, turn }: Stop,
  ): Promise<number> {
    const left = await this.#preStopHook(pod, container, { graceSeconds, signal });
    if (turn === undefined || left <= 0) return left;
    return withinGrace(turn, { graceSeconds: left, signal, clock: this.#clock });
  }

  stop(): void {
    this.#probes.stop();
    this.#preStop.keepOnly(new Set());
  }

  async #preStopHook(
    pod: Pod,
    { id, name, state }: Pick<ObservedContainer, 'id' | 'name' | 'state'>,
    stop: { graceSeconds: number; signal: AbortSignal },
  ): Promise<number> {
    const spec = containerNamed(pod, name);
    const handler = spec?.lifecycle?.preStop;
    if (spec === undefined || handler === undefined || state !== 'running') {
      return stop.graceSeconds;
    }
    return this.#preStop.beforeStop(handler, this.#target(pod, spec, id), stop);
  }

  #target(
    pod: Pod,
    container: NonNullable<ReturnType<typeof containerNamed>>,
    containerId: string,
  ): Parameters<RunHook>[1] {
    return { pod, container, containerId, podIp: this.#podIp };
  }

  /** The start is known to the second: rounded up, so that no delay is too short. */
  #ageMs({ startedAt }: ObservedContainer): number {
    if (startedAt === undefined) return 0;
    return Math.max(0, this.#context.clock.wallMs() - Date.parse(startedAt) - 1000);
  }
}

function reportedOf(
  status: PodStatus | undefined,
  containerId: string,
): { ready: boolean; started: boolean } | undefined {
  const found = allStatuses(status).find(
    ({ containerID }) => containerID === `containerd://${containerId}`,
  );
  if (found?.state.running === undefined) return undefined;
  return { ready: found.ready, started: found.started === true };
}
