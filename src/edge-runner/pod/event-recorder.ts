import { randomUUID } from 'node:crypto';
import type { Pod } from '../../kube/api.ts';
import type { EventReport } from '../../protocol/report.ts';

/** Events about one pod. `container` names the container that the event is about. */
export interface PodEvents {
  record(type: 'Normal' | 'Warning', reason: string, message: string, container?: string): void;
}

interface EventRecorderOptions {
  now: () => number;
  /** Takes the newest form of an event: a new one, or one whose count has grown. */
  emit: (event: EventReport) => void;
}

/** Most events that are remembered to fold repeats into. */
const maxRemembered = 500;

/** Repeats within this time are counted on the first event instead of making new ones. */
const foldWithinMs = 600_000;

/** Makes events; the same one again raises the count of the first (client-go's event correlator). */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #recent = new Map<string, EventReport>();

  constructor(options: EventRecorderOptions) {
    this.#options = options;
  }

  /** What happened lately, oldest first. */
  get recent(): EventReport[] {
    return [...this.#recent.values()];
  }

  /** The recorder of one pod. `fieldPathOf` gives a container's path in the spec. */
  forPod(pod: Pod): PodEvents {
    return {
      record: (type, reason, message, container) => {
        this.#record({ pod, type, reason, message, container });
      },
    };
  }

  #record(event: {
    pod: Pod;
    type: 'Normal' | 'Warning';
    reason: string;
    message: string;
    container: string | undefined;
  }): void {
    const { uid = '', name, namespace = 'default' } = event.pod.metadata;
    const fieldPath = fieldPathOf(event.pod, event.container);
    const message = event.message.slice(0, 1024);
    const key = [uid, fieldPath ?? '', event.type, event.reason, message].join('\0');
    const nowMs = this.#options.now();
    const now = new Date(nowMs).toISOString().replace(/\.\d+Z$/, 'Z');
    const before = this.#recent.get(key);
    const repeats =
      before !== undefined && nowMs - Date.parse(before.lastTimestamp) <= foldWithinMs;
    const report: EventReport = {
      id: repeats ? before.id : randomUUID(),
      pod: { uid, name, namespace },
      ...(fieldPath === undefined ? {} : { fieldPath }),
      type: event.type,
      reason: event.reason,
      message,
      count: repeats ? before.count + 1 : 1,
      firstTimestamp: repeats ? before.firstTimestamp : now,
      lastTimestamp: now,
    };
    this.#remember(key, report);
    this.#options.emit(report);
  }

  #remember(key: string, report: EventReport): void {
    this.#recent.delete(key);
    this.#recent.set(key, report);
    if (this.#recent.size <= maxRemembered) return;
    const [oldest] = this.#recent.keys();
    if (oldest !== undefined) this.#recent.delete(oldest);
  }
}

function fieldPathOf({ spec }: Pod, container: string | undefined): string | undefined {
  if (container === undefined) return undefined;
  const lists = ['initContainers', 'ephemeralContainers'] as const;
  const list = lists.find((each) => spec[each]?.some(({ name }) => name === container));
  return `spec.${list ?? 'containers'}{${container}}`;
}
