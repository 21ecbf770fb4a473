import type { Container, Pod } from '../../kube/api.ts';
import { isSidecar } from '../../kube/container-status.ts';
import type { Probe } from '../../kube/probe.ts';
import { maxTimerMs, type Cancel, type Clock } from '../../tunnel/clock.ts';
import { ProbeCounts } from './probe-counts.ts';
import { recordOutcome, type ContainerEvents } from './probe-event.ts';
import {
  afterProbe,
  firstState,
  isTooEarly,
  quietState,
  type ProbeKind,
  type ProbeState,
} from './probe-state.ts';
import { probeTimes, type ProbeTimes } from './probe-times.ts';
import type { RunProbe } from './run-probe.ts';

export interface PodProbesOptions {
  run: RunProbe;
  clock: Clock;
  events: ContainerEvents;
  /** Called when `ready`, `started` or `failure` would answer otherwise than before. */
  onChange: () => void;
  /** What was last reported of a container before the runner was started, by its id. */
  reported: (containerId: string) => { ready: boolean; started: boolean } | undefined;
  random: () => number;
}

/** A container as the runtime has it. */
export interface ProbedContainer {
  id: string;
  name: string;
  state: string;
  /** For how long it has been running. */
  ageMs: number;
}

/** A liveness or startup probe that asks for its container's end. */
export interface FailedProbe {
  kind: 'liveness' | 'startup';
  /** The probe's own grace, where it has one. */
  graceSeconds: number | undefined;
}

/** What probes say of running containers. Without probes a container is started and ready. */
export interface ProbeResults {
  started(container: { id: string; name: string }): boolean;
  ready(container: { id: string; name: string }): boolean;
  failure(containerId: string): FailedProbe | undefined;
}

/** One probe of one running container. */
interface Watch {
  readonly kind: ProbeKind;
  readonly probe: Probe;
  readonly times: ProbeTimes;
  readonly container: Container;
  readonly containerId: string;
  state: ProbeState;
  /** Ends the run that is under way. */
  underWay: AbortController | undefined;
}

/**
 * Runs the probes of one pod. It holds one timer while a probe is due, and none for a pod without
 * probes.
 */
export class PodProbes implements ProbeResults {
  readonly counts = new ProbeCounts();
  readonly #options: PodProbesOptions;
  #watches: Watch[] = [];
  #containers = new Map<string, Container>();
  #podIp: string | undefined;
  #isFirstLook = true;
  #cancelTimer: Cancel | undefined;

  constructor(options: PodProbesOptions) {
    this.#options = options;
  }

  /**
   * Takes the newest spec and what runs of it, `containers` with the newest instance of a name
   * first. New instances begin anew, and probes of what doesn't run any more end. Containers that
   * run at the first look are older than the runner.
   */
  update(
    pod: Pod,
    { containers, podIp }: { containers: readonly ProbedContainer[]; podIp: string | undefined },
  ): void {
    this.#podIp = podIp;
    this.#containers = new Map(probedContainers(pod).map((each) => [each.name, each]));
    if (this.#containers.size === 0 && this.#watches.length === 0) return;
    const wanted = [...this.#containers.values()].flatMap((container) => {
      const newest = containers.find(({ name }) => name === container.name);
      return newest?.state === 'running' ? this.#watchesOf(container, newest) : [];
    });
    for (const old of this.#watches) if (!wanted.includes(old)) old.underWay?.abort();
    this.#watches = wanted;
    this.#isFirstLook = false;
    if (pod.metadata.deletionTimestamp !== undefined) this.#quieten();
    this.#schedule();
  }

  started({ id, name }: { id: string; name: string }): boolean {
    return this.#succeeds(id, name, 'startup');
  }

  ready({ id, name }: { id: string; name: string }): boolean {
    return this.started({ id, name }) && this.#succeeds(id, name, 'readiness');
  }

  failure(containerId: string): FailedProbe | undefined {
    for (const kind of ['startup', 'liveness'] as const) {
      const watch = this.#find(containerId, kind);
      if (watch?.state.verdict !== 'failure') continue;
      return { kind, graceSeconds: watch.probe.terminationGracePeriodSeconds };
    }
    return undefined;
  }

  /** Ends all probes; nothing is called back after it. */
  stop(): void {
    for (const watch of this.#watches) watch.underWay?.abort();
    this.#watches = [];
    this.#schedule();
  }

  #succeeds(containerId: string, name: string, kind: ProbeKind): boolean {
    const watch = this.#find(containerId, kind);
    if (watch !== undefined) return watch.state.verdict === 'success';
    const container = this.#containers.get(name);
    return container === undefined || probeOf(container, kind) === undefined;
  }

  #find(containerId: string, kind: ProbeKind): Watch | undefined {
    return this.#watches.find((watch) => watch.containerId === containerId && watch.kind === kind);
  }

  #watchesOf(container: Container, instance: ProbedContainer): Watch[] {
    return kinds.flatMap((kind) => {
      const probe = probeOf(container, kind);
      if (probe === undefined) return [];
      const known = this.#find(instance.id, kind);
      return [known ?? this.#newWatch(kind, probe, container, instance)];
    });
  }

  #newWatch(
    kind: ProbeKind,
    probe: Probe,
    container: Container,
    { id, ageMs }: ProbedContainer,
  ): Watch {
    const { clock, random, reported } = this.#options;
    const times = probeTimes(probe);
    const nowMs = clock.now();
    const before = this.#isFirstLook ? reported(id) : undefined;
    const state = firstState({
      ...{ kind, times, nowMs },
      startedAtMs: nowMs - ageMs,
      succeeded: (kind === 'startup' ? before?.started : before?.ready) ?? false,
      jitter: this.#isFirstLook ? random() : undefined,
    });
    return { kind, probe, times, container, containerId: id, state, underWay: undefined };
  }

  #quieten(): void {
    for (const watch of this.#watches) {
      if (watch.kind === 'readiness') continue;
      watch.underWay?.abort();
      watch.underWay = undefined;
      watch.state = quietState(watch.state);
    }
  }

  #schedule(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const { clock } = this.#options;
    const nextAtMs = Math.min(...this.#watches.map((watch) => this.#dueAtMs(watch) ?? Infinity));
    if (nextAtMs === Infinity) return;
    const delayMs = Math.min(Math.max(0, nextAtMs - clock.now()), maxTimerMs);
    this.#cancelTimer = clock.after(delayMs, () => {
      this.#runDue();
    });
  }

  /** Liveness and readiness wait until the container has started. */
  #dueAtMs({ kind, containerId, container, state, underWay }: Watch): number | undefined {
    if (underWay !== undefined) return undefined;
    const waits = kind !== 'startup' && !this.started({ id: containerId, name: container.name });
    return waits ? undefined : state.nextAtMs;
  }

  #runDue(): void {
    const nowMs = this.#options.clock.now();
    for (const watch of this.#watches) {
      if ((this.#dueAtMs(watch) ?? Infinity) <= nowMs) void this.#run(watch);
    }
    this.#schedule();
  }

  async #run(watch: Watch): Promise<void> {
    const { run, clock, events, onChange } = this.#options;
    const { kind, probe, container, containerId } = watch;
    const beganAtMs = clock.now();
    const underWay = new AbortController();
    watch.underWay = underWay;
    const target = { container, containerId, podIp: this.#podIp };
    const { result, output } = await run(probe, target, underWay.signal);
    if (underWay.signal.aborted) return;
    watch.underWay = undefined;
    this.counts.add(kind, container.name, { result, tookMs: clock.now() - beganAtMs });
    const before = watch.state;
    const outcome = { result, beganAtMs, nowMs: clock.now() };
    watch.state = afterProbe(before, watch, outcome);
    if (!isTooEarly(before, outcome)) {
      recordOutcome(events, { kind, container: container.name }, { result, output });
    }
    this.#schedule();
    if (watch.state.verdict !== before.verdict) onChange();
  }
}

const kinds = ['startup', 'liveness', 'readiness'] as const;

function probeOf(container: Container, kind: ProbeKind): Probe | undefined {
  switch (kind) {
    case 'startup':
      return container.startupProbe;
    case 'liveness':
      return container.livenessProbe;
    case 'readiness':
      return container.readinessProbe;
  }
}

/** The containers of a pod that have probes: init containers only when they are sidecars. */
function probedContainers(pod: Pod): Container[] {
  const { containers, initContainers = [] } = pod.spec;
  return [...initContainers.filter(isSidecar), ...containers].filter((container) =>
    kinds.some((kind) => probeOf(container, kind) !== undefined),
  );
}
