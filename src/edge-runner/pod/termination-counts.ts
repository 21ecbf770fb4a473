import type { ContainerStatus, PodStatus } from '../../kube/api.ts';

/** How often containers of a type have ended in a way. */
export interface TerminationCount {
  readonly type: 'container' | 'init_container' | 'ephemeral_container';
  readonly exitCode: number;
  readonly reason: string;
  readonly count: number;
}

/**
 * Counts the ends of containers of all pods since the runner's start. As a kubelet's it is by statuses: one
 * counts that says of a container that it has ended, where the status before did not. Of a container that
 * ended and ran again between two statuses neither tells. Source: kubelet, status manager.
 */
export class TerminationCounts {
  readonly #counts = new Map<
    string,
    { -readonly [K in keyof TerminationCount]: TerminationCount[K] }
  >();

  get all(): TerminationCount[] {
    return [...this.#counts.values()];
  }

  note(before: PodStatus | undefined, after: PodStatus): void {
    this.#add('init_container', before?.initContainerStatuses, after.initContainerStatuses);
    this.#add('container', before?.containerStatuses, after.containerStatuses);
    this.#add(
      'ephemeral_container',
      before?.ephemeralContainerStatuses,
      after.ephemeralContainerStatuses,
    );
  }

  #add(
    type: TerminationCount['type'],
    before: readonly ContainerStatus[] = [],
    after: readonly ContainerStatus[] = [],
  ): void {
    const had = new Set(before.filter(({ state }) => state.terminated).map(({ name }) => name));
    for (const { name, state } of after) {
      if (state.terminated === undefined || had.has(name)) continue;
      const { exitCode, reason = '' } = state.terminated;
      const key = `${type}/${exitCode}/${reason}`;
      const counter = this.#counts.get(key) ?? { type, exitCode, reason, count: 0 };
      counter.count += 1;
      this.#counts.set(key, counter);
    }
  }
}
