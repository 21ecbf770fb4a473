import type { Pod } from '../../kube/api.ts';
import type { EventReport } from '../../protocol/report.ts';
import { TokenBucket } from '../../tunnel/token-bucket.ts';
import {
  eventsPerSecondPerPod,
  foldEventsWithinMs,
  maxEventBurst,
  maxRememberedEvents,
} from '../limits.ts';
import type { Clock } from './clock.ts';
import { EventIds } from './event-ids.ts';

/** Events about one pod. `container` names the container that the event is about. */
export interface PodEvents {
  record(type: 'Normal' | 'Warning', reason: string, message: string, container?: string): void;
}

interface EventRecorderOptions {
  clock: Clock;
  /** Takes the newest form of an event: a new one, or one whose count has grown. */
  emit: (event: EventReport) => void;
}

/** An event that repeats can still be counted on. */
interface Remembered {
  report: EventReport;
  lastMs: number;
}

/**
 * Makes events. The same one again raises the count of the first, and a pod that has used up its burst
 * tells one in five minutes (client-go's event correlator and its spam filter).
 */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #recent = new Map<string, Remembered>();
  /** By the pod's uid. */
  readonly #rates = new Map<string, TokenBucket>();
  readonly #ids: EventIds;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#ids = new EventIds(options.clock);
  }

  /** What happened lately, oldest first. */
  get recent(): EventReport[] {
    return Array.from(this.#recent.values(), ({ report }) => report);
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
    const nowMs = this.#options.clock.monotonicMs();
    const now = new Date(this.#options.clock.wallMs()).toISOString().replace(/\.\d+Z$/, 'Z');
    const remembered = this.#recent.get(key);
    const isRepeat = remembered !== undefined && nowMs - remembered.lastMs <= foldEventsWithinMs;
    const before = isRepeat ? remembered.report : undefined;
    const report: EventReport = {
      id: before?.id ?? this.#ids.next(),
      pod: { uid, name, namespace },
      ...(fieldPath === undefined ? {} : { fieldPath }),
      type: event.type,
      reason: event.reason,
      message,
      count: (before?.count ?? 0) + 1,
      firstTimestamp: before?.firstTimestamp ?? now,
      lastTimestamp: now,
    };
    remember(this.#recent, key, { report, lastMs: nowMs }, maxRememberedEvents);
    if (this.#rateOf(uid).take()) this.#options.emit(report);
  }

  #rateOf(podUid: string): TokenBucket {
    const now = (): number => this.#options.clock.monotonicMs();
    const rate =
      this.#rates.get(podUid) ?? new TokenBucket(maxEventBurst, eventsPerSecondPerPod, { now });
    remember(this.#rates, podUid, rate, maxRememberedEvents);
    return rate;
  }
}

/** Sets what is newest now; the oldest goes when there are too many. */
function remember<T>(map: Map<string, T>, key: string, value: T, max: number): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > max && oldest !== undefined) map.delete(oldest);
}

function fieldPathOf({ spec }: Pod, container: string | undefined): string | undefined {
  if (container === undefined) return undefined;
  const lists = ['initContainers', 'ephemeralContainers'] as const;
  const list = lists.find((each) => spec[each]?.some(({ name }) => name === container));
  return `spec.${list ?? 'containers'}{${container}}`;
}
