import type { Logger } from 'pino';
import type { PodStatus } from '../../kube/api.ts';
import type { EventReport, PodReport } from '../../protocol/report.ts';
import type { EdgeStore, ReportChange } from '../store/edge-store.ts';
import {
  lazyDelayMs,
  maxLazyDelayMs,
  maxStoredEvents,
  writeDelayMs,
  writeRetryMs,
} from './limits.ts';

/**
 * How a report is taken. `lazily`: nobody waits for it, another follows in a moment. `kept`: a runner
 * that starts anew could learn what it says from nothing else, so that it is in the store before it goes.
 */
export type Urgency = 'now' | 'lazily' | 'kept';

/** What is ready to go to the provider. */
export interface ReportBatch {
  pods: PodReport[];
  events: EventReport[];
}

/**
 * What the site still has to tell: the newest status of every pod, and events. It is kept in the
 * store until the provider has acknowledged it. A store that can't be written stops nothing: reports
 * go on from memory, and are written as soon as that is possible again.
 */
export class Outbox {
  readonly #store: EdgeStore;
  readonly #log: Pick<Logger, 'error' | 'info'>;
  readonly #pods = new Map<string, PodReport>();
  /** Neither acknowledged nor on their way. */
  readonly #unsentPods = new Set<string>();
  readonly #acknowledgedPods = new Set<string>();
  readonly #events = new Map<string, EventReport>();
  readonly #inFlightEvents = new Set<string>();
  /** Of the unsent, by uid or id: nobody waits for them, so that they may go together with what follows. */
  readonly #held = new Set<string>();
  readonly #dirtyPods = new Set<string>();
  readonly #dirtyEvents = new Set<string>();
  readonly #forgottenPods = new Set<string>();
  readonly #sentEvents = new Set<string>();
  #writeTimer: NodeJS.Timeout | undefined;
  #writeFails = false;
  /** Since the last thing that somebody waited for, and since the first that is held back. */
  #holdTimer: NodeJS.Timeout | undefined;
  #longestHoldTimer: NodeJS.Timeout | undefined;
  #onReady: () => void = () => undefined;

  /** @throws RunnerError `STORE_FAILED` */
  constructor(store: EdgeStore, log: Pick<Logger, 'error' | 'info'>) {
    this.#store = store;
    this.#log = log;
    for (const { sent, ...report } of store.podReports()) {
      this.#pods.set(report.uid, report);
      (sent ? this.#acknowledgedPods : this.#unsentPods).add(report.uid);
    }
    for (const event of store.events()) this.#events.set(event.id, event);
  }

  /** Calls back whenever there is something to send; one listener at a time. */
  onReady(listener: () => void): void {
    this.#onReady = listener;
  }

  lastStatus(podUid: string): PodStatus | undefined {
    return this.#pods.get(podUid)?.status;
  }

  /** Pods about which something is kept. */
  podUids(): string[] {
    return [...this.#pods.keys()];
  }

  /** Events that the provider doesn't have, oldest first. */
  get unsentEvents(): EventReport[] {
    return [...this.#events.values()];
  }

  /** Of how many pods the provider doesn't have the newest status. */
  get unsentPodCount(): number {
    return this.#pods.size - this.#acknowledgedPods.size;
  }

  /** Takes a pod's newest report. */
  publish(report: PodReport, urgency: Urgency = 'now'): void {
    const { uid } = report;
    const isWaitedFor = urgency !== 'lazily' && !isStarting(report);
    if (isWaitedFor) this.#held.delete(uid);
    else if (!this.#unsentPods.has(uid)) this.#held.add(uid);
    this.#pods.set(uid, report);
    this.#unsentPods.add(uid);
    this.#acknowledgedPods.delete(uid);
    this.#dirtyPods.add(uid);
    this.#forgottenPods.delete(uid);
    if (urgency === 'kept' && !this.#writeFails) this.#flushOrRetry();
    else this.#writeSoon();
    if (!isWaitedFor) {
      this.#holdBack();
      return;
    }
    if (report.gone) this.#releaseEventsOf(uid);
    if (this.#holdTimer !== undefined) this.#holdOn();
    this.#onReady();
  }

  /** Takes an event, or an event again whose count has grown. A warning goes at once, with all before it. */
  addEvent(event: EventReport): void {
    // Last in the order again: it is the newest now.
    this.#events.delete(event.id);
    this.#events.set(event.id, event);
    this.#inFlightEvents.delete(event.id);
    this.#dirtyEvents.add(event.id);
    this.#sentEvents.delete(event.id);
    if (this.#events.size > maxStoredEvents) this.#dropOldestEvent();
    this.#writeSoon();
    if (event.type === 'Warning') {
      this.#release();
    } else {
      this.#held.add(event.id);
      this.#holdBack();
    }
  }

  /** Drops what is known of a pod that is gone everywhere. */
  forget(podUid: string): void {
    if (!this.#pods.delete(podUid)) return;
    this.#unsentPods.delete(podUid);
    this.#held.delete(podUid);
    this.#acknowledgedPods.delete(podUid);
    this.#dirtyPods.delete(podUid);
    this.#forgottenPods.add(podUid);
    this.#writeSoon();
  }

  /**
   * So much of what isn't sent yet, pods and events of so many bytes each in JSON. It counts as on
   * its way until `acknowledge` or `resend`. What is too large even alone is left out, and so is what
   * is still held back, unless `all` is wanted.
   */
  take(
    maxPods = Infinity,
    maxEvents = Infinity,
    maxBytes = Infinity,
    which: 'ready' | 'all' = 'all',
  ): ReportBatch {
    const waits = (key: string): boolean => which === 'ready' && this.#held.has(key);
    const pods = new Batch<PodReport>(maxPods, maxBytes);
    for (const uid of this.#unsentPods) {
      if (waits(uid)) continue;
      const report = this.#pods.get(uid);
      if (report !== undefined && pods.add(report) === 'full') break;
      this.#unsentPods.delete(uid);
    }
    const events = new Batch<EventReport>(maxEvents, maxBytes);
    for (const event of this.#events.values()) {
      if (this.#inFlightEvents.has(event.id) || waits(event.id)) continue;
      if (events.add(event) === 'full') break;
    }
    for (const { id } of events.items) this.#inFlightEvents.add(id);
    for (const { name, namespace } of pods.oversized) {
      this.#log.error({ pod: { name, namespace } }, 'the status is too large to be reported');
    }
    return { pods: pods.items, events: events.items };
  }

  /** The provider has it. A status that has changed since is still to be sent. */
  acknowledge(batch: ReportBatch): void {
    for (const report of batch.pods) {
      if (this.#pods.get(report.uid) !== report) continue;
      this.#acknowledgedPods.add(report.uid);
      this.#dirtyPods.add(report.uid);
    }
    for (const event of batch.events) {
      if (this.#events.get(event.id) !== event) continue;
      this.#events.delete(event.id);
      this.#inFlightEvents.delete(event.id);
      this.#dirtyEvents.delete(event.id);
      this.#sentEvents.add(event.id);
    }
    this.#writeSoon();
  }

  /** The link broke before an acknowledgement: it goes again with the next one. */
  resend(batch: ReportBatch): void {
    for (const { uid } of batch.pods) if (this.#pods.has(uid)) this.#unsentPods.add(uid);
    for (const { id } of batch.events) this.#inFlightEvents.delete(id);
  }

  /** The provider knows nothing of this site: every status goes again. */
  resendAll(): void {
    for (const uid of this.#pods.keys()) this.#unsentPods.add(uid);
  }

  /** Writes what is pending, now. @throws RunnerError `STORE_FAILED`; it stays pending then. */
  flush(): void {
    clearTimeout(this.#writeTimer);
    this.#writeTimer = undefined;
    const change = this.#pending();
    const { pods, events, forgottenPods, sentEvents } = change;
    const parts: readonly (readonly unknown[])[] = [pods, events, forgottenPods, sentEvents];
    if (parts.every((part) => part.length === 0)) return;
    this.#store.writeReports(change);
    for (const set of [this.#dirtyPods, this.#dirtyEvents]) set.clear();
    for (const set of [this.#forgottenPods, this.#sentEvents]) set.clear();
  }

  /** Stops the timers and writes what is pending. */
  close(): void {
    this.#stopHolding();
    this.#flushOrRetry();
    clearTimeout(this.#writeTimer);
  }

  #pending(): ReportChange {
    const pods = Array.from(this.#dirtyPods, (uid) => this.#pods.get(uid))
      .filter((report) => report !== undefined)
      .map((report) => ({ ...report, sent: this.#acknowledgedPods.has(report.uid) }));
    const events = Array.from(this.#dirtyEvents, (id) => this.#events.get(id)).filter(
      (event) => event !== undefined,
    );
    const forgottenPods = [...this.#forgottenPods];
    return { pods, events, forgottenPods, sentEvents: [...this.#sentEvents] };
  }

  #flushOrRetry(): void {
    try {
      this.flush();
      if (this.#writeFails) this.#log.info('reports can be written again');
      this.#writeFails = false;
    } catch (error) {
      if (!this.#writeFails) this.#log.error({ err: error }, 'reports can not be written');
      this.#writeFails = true;
      this.#writeSoon(writeRetryMs);
    }
  }

  #dropOldestEvent(): void {
    const [oldest] = this.#events.keys();
    if (oldest === undefined) return;
    this.#events.delete(oldest);
    this.#dirtyEvents.delete(oldest);
    this.#inFlightEvents.delete(oldest);
    this.#held.delete(oldest);
    this.#sentEvents.add(oldest);
  }

  #writeSoon(delayMs = this.#writeFails ? writeRetryMs : writeDelayMs): void {
    this.#writeTimer ??= setTimeout(() => {
      this.#flushOrRetry();
    }, delayMs);
  }

  /** Later the provider would not take them: the API has no pod then that they could be about. */
  #releaseEventsOf(podUid: string): void {
    for (const { id, pod } of this.#events.values()) if (pod.uid === podUid) this.#held.delete(id);
  }

  #holdBack(): void {
    if (this.#holdTimer !== undefined) return;
    this.#holdOn();
    this.#longestHoldTimer = setTimeout(() => {
      this.#release();
    }, maxLazyDelayMs);
  }

  #holdOn(): void {
    clearTimeout(this.#holdTimer);
    this.#holdTimer = setTimeout(() => {
      this.#release();
    }, lazyDelayMs);
  }

  #release(): void {
    this.#stopHolding();
    this.#held.clear();
    this.#onReady();
  }

  #stopHolding(): void {
    clearTimeout(this.#holdTimer);
    clearTimeout(this.#longestHoldTimer);
    this.#holdTimer = undefined;
    this.#longestHoldTimer = undefined;
  }
}

/** What goes into one message. */
class Batch<T> {
  readonly items: T[] = [];
  readonly oversized: T[] = [];
  readonly #maxCount: number;
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxCount: number, maxBytes: number) {
    this.#maxCount = maxCount;
    this.#maxBytes = maxBytes;
  }

  add(item: T): 'taken' | 'oversized' | 'full' {
    const bytes = Buffer.byteLength(JSON.stringify(item)) + 1;
    if (bytes > this.#maxBytes) {
      this.oversized.push(item);
      return 'oversized';
    }
    if (this.items.length >= this.#maxCount || this.#bytes + bytes > this.#maxBytes) return 'full';
    this.#bytes += bytes;
    this.items.push(item);
    return 'taken';
  }
}

/** A pod on its way up, of which the next report will say more. */
function isStarting({ gone, status }: PodReport): boolean {
  const { phase, containerStatuses = [], initContainerStatuses = [] } = status as PodStatus;
  return (
    !gone &&
    phase === 'Pending' &&
    [...initContainerStatuses, ...containerStatuses].every(({ state }) => {
      const reason = state.waiting?.reason;
      return reason === 'ContainerCreating' || reason === 'PodInitializing';
    })
  );
}
