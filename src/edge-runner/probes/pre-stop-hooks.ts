import type { LifecycleHandler } from '../../kube/probe.ts';
import type { Clock } from '../../tunnel/clock.ts';
import { minStopGraceSeconds } from './limits.ts';
import type { ContainerEvents } from './probe-event.ts';
import type { HookTarget, RunHook } from './run-hook.ts';
import { withinGrace } from './within-grace.ts';

/**
 * The preStop hooks of one pod. Each container's hook runs once, however often the container's end
 * is asked for.
 */
export class PreStopHooks {
  readonly #run: RunHook;
  readonly #clock: Clock;
  readonly #events: ContainerEvents;
  readonly #hooks = new Map<string, { done: Promise<void>; end: AbortController }>();

  constructor(options: { run: RunHook; clock: Clock; events: ContainerEvents }) {
    this.#run = options.run;
    this.#clock = options.clock;
    this.#events = options.events;
  }

  /**
   * Runs a container's hook, or waits for the one that is running, within the grace. Resolves with
   * the grace that is left, at least 2 s; a hook that takes longer goes on until its
   * container is gone. Gives up waiting when the signal aborts. Hooks of
   * a container that is to end at once (grace 0) don't run.
   */
  async beforeStop(
    handler: LifecycleHandler | undefined,
    target: HookTarget,
    { graceSeconds, signal }: { graceSeconds: number; signal: AbortSignal },
  ): Promise<number> {
    if (handler === undefined || graceSeconds <= 0) return graceSeconds;
    const { done } = this.#hooks.get(target.containerId) ?? this.#start(handler, target);
    const left = await withinGrace(done, { graceSeconds, signal, clock: this.#clock });
    return Math.max(left, minStopGraceSeconds);
  }

  /** Ends the hooks of containers that are gone, and forgets them. */
  keepOnly(containerIds: ReadonlySet<string>): void {
    for (const [id, { end }] of this.#hooks) {
      if (containerIds.has(id)) continue;
      end.abort();
      this.#hooks.delete(id);
    }
  }

  #start(
    handler: LifecycleHandler,
    target: HookTarget,
  ): { done: Promise<void>; end: AbortController } {
    const end = new AbortController();
    const hook = { done: this.#carryOut(handler, target, end.signal), end };
    this.#hooks.set(target.containerId, hook);
    return hook;
  }

  /** Kubelet: what went wrong isn't written into the event, since it may hold a secret. */
  async #carryOut(
    handler: LifecycleHandler,
    target: HookTarget,
    signal: AbortSignal,
  ): Promise<void> {
    const problem = await this.#run(handler, target, signal);
    if (problem === undefined || signal.aborted) return;
    const { name } = target.container;
    this.#events.record('Warning', 'FailedPreStopHook', 'PreStopHook failed', name);
  }
}
