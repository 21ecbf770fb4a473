import type { ObservedContainer } from './observed.ts';

/** How a process ended, as containerd's event stream says. */
export interface ProcessEnd {
  /** 128 + the signal for a killed process. */
  exitCode: number;
  /** In ms since 1970, within the years 1 to 9999; undefined where nobody says. */
  exitedAtMs: number | undefined;
}

/** Most ends that are remembered; other users of containerd have containers, too. */
const maxEnds = 500;

/**
 * What the event stream said of ends of containers and sandboxes. CRI says most of it later, too, but not
 * all: of a container whose end containerd was writing down when it was killed, it forgets how it ended.
 */
export class HeardEnds {
  readonly #ends = new Map<string, ProcessEnd & { heardAtMs: number }>();
  /** Containers in which memory ran out. */
  readonly #outOfMemory = new Set<string>();

  /** `nowMs`: on the monotonic clock. */
  note(id: string, end: ProcessEnd, nowMs: number): void {
    this.#ends.set(id, { ...end, heardAtMs: nowMs });
    dropOldest(this.#ends);
  }

  noteOutOfMemory(id: string): void {
    this.#outOfMemory.add(id);
    dropOldest(this.#outOfMemory);
  }

  forget(id: string): void {
    this.#ends.delete(id);
    this.#outOfMemory.delete(id);
  }

  /** On the monotonic clock; undefined where nothing was heard. */
  heardAtMs(id: string): number | undefined {
    return this.#ends.get(id)?.heardAtMs;
  }

  /** Adds what CRI doesn't say (yet, or any more). `before`: the container as it ran. */
  complete(seen: ObservedContainer, before: ObservedContainer | undefined): ObservedContainer {
    const known = this.#withEnd(seen, before);
    const lacked = this.#outOfMemory.has(seen.id) && wasKilled(known);
    return lacked ? { ...known, reason: 'OOMKilled' } : known;
  }

  #withEnd(seen: ObservedContainer, before: ObservedContainer | undefined): ObservedContainer {
    const end = this.#ends.get(seen.id);
    if (end === undefined || !isEndUnknown(seen)) return seen;
    const { exitCode, exitedAtMs, heardAtMs } = end;
    return {
      ...seen,
      ...(before?.startedAt === undefined ? {} : { startedAt: before.startedAt }),
      ...{ exitCode, reason: '', message: '', endedAtMs: heardAtMs },
      ...(exitedAtMs === undefined ? {} : { finishedAt: rfc3339(exitedAtMs) }),
    };
  }
}

function rfc3339(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** Ended by SIGKILL, as the kernel ends what has no memory left, for no reason that CRI knows. */
export function wasKilled({ state, exitCode, reason }: ObservedContainer): boolean {
  return state === 'exited' && exitCode === 137 && ['', 'Error'].includes(reason);
}

/** containerd's words for a task that it has lost. Source: unknownContainerStatus in its CRI plugin. */
function isEndUnknown({ state, exitCode, reason }: ObservedContainer): boolean {
  return state === 'exited' && exitCode === 255 && reason === 'Unknown';
}

function dropOldest(kept: Map<string, unknown> | Set<string>): void {
  if (kept.size <= maxEnds) return;
  const [oldest] = kept.keys();
  if (oldest !== undefined) kept.delete(oldest);
}
