import type { PodStatus } from '../../kube/api.ts';
import type { EventReport, PodReport } from '../../protocol/report.ts';
import { maxStoredEvents } from '../limits.ts';
import type { EdgeStore } from '../store/edge-store.ts';

/** What is ready to go to the provider. */
export interface ReportBatch {
  pods: PodReport[];
  events: EventReport[];
}

/** How long the store may lag behind what was published: changes that come together cost one write. */
const writeDelayMs = 50;

/** How long what nobody waits for may be held back, to go together with what comes next. */
const lazyDelayMs = 250;

/**
 * What the site still has to tell: the newest status of every pod, and events. It is kept in the
 * store until the provider has acknowledged it.
 */
export class Outbox {
  readonly #store: EdgeStore;
  readonly #pods = new Map<string, PodReport>();
  /** Neither acknowledged nor on their way. */
  readonly #unsentPods = new Set<string>();
  readonly #acknowledgedPods = new Set<string>();
  readonly #events = new Map<string, EventReport>();
  readonly #inFlightEvents = new Set<string>();
  readonly #dirtyPods = new Set<string>();
  readonly #dirtyEvents = new Set<string>();
  readonly #forgottenPods = new Set<string>();
  readonly #sentEvents = new Set<string>();
  #writeTimer: NodeJS.Timeout | undefined;
  #readyTimer: NodeJS.Timeout | undefined;
  #onReady: () => void = () => undefined;

  constructor(store: EdgeStore) {
    this.#store = store;
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

  /** Takes a pod's newest report. */
  publish(report: PodReport): void {
    this.#pods.set(report.uid, report);
    this.#unsentPods.add(report.uid);
    this.#acknowledgedPods.delete(report.uid);
    this.#dirtyPods.add(report.uid);
    this.#forgottenPods.delete(report.uid);
    this.#writeSoon();
    this.#readyIn(isStarting(report) ? lazyDelayMs : 0);
  }

  /** Takes an event, or an event again whose count has grown. */
  addEvent(event: EventReport): void {
    this.#events.set(event.id, event);
    this.#inFlightEvents.delete(event.id);
    this.#dirtyEvents.add(event.id);
    this.#sentEvents.delete(event.id);
    if (this.#events.size > maxStoredEvents) this.#dropOldestEvent();
    this.#writeSoon();
    this.#readyIn(lazyDelayMs);
  }

  /** Drops what is known of a pod that is gone everywhere. */
  forget(podUid: string): void {
    if (!this.#pods.delete(podUid)) return;
    this.#unsentPods.delete(podUid);
    this.#acknowledgedPods.delete(podUid);
    this.#dirtyPods.delete(podUid);
    this.#forgottenPods.add(podUid);
    this.#writeSoon();
  }

  /** What isn't sent yet; it counts as on its way until `acknowledge` or `resend`. */
  take(): ReportBatch {
    const pods = Array.from(this.#unsentPods, (uid) => this.#pods.get(uid)).filter(
      (report) => report !== undefined,
    );
    this.#unsentPods.clear();
    const events = [...this.#events.values()].filter(({ id }) => !this.#inFlightEvents.has(id));
    for (const { id } of events) this.#inFlightEvents.add(id);
    return { pods, events };
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

  /** Writes what is pending, now. */
  flush(): void {
    clearTimeout(this.#writeTimer);
    this.#writeTimer = undefined;
    const pods = Array.from(this.#dirtyPods, (uid) => this.#pods.get(uid))
      .filter((report) => report !== undefined)
      .map((report) => ({ ...report, sent: this.#acknowledgedPods.has(report.uid) }));
    const events = Array.from(this.#dirtyEvents, (id) => this.#events.get(id)).filter(
      (event) => event !== undefined,
    );
    const forgottenPods = [...this.#forgottenPods];
    const sentEvents = [...this.#sentEvents];
    for (const set of [this.#dirtyPods, this.#dirtyEvents]) set.clear();
    for (const set of [this.#forgottenPods, this.#sentEvents]) set.clear();
    if (pods.length + events.length + forgottenPods.length + sentEvents.length === 0) return;
    this.#store.writeReports({ pods, events, forgottenPods, sentEvents });
  }

  /** Stops the timers and writes what is pending. */
  close(): void {
    clearTimeout(this.#readyTimer);
    this.flush();
  }

  #dropOldestEvent(): void {
    const [oldest] = this.#events.keys();
    if (oldest === undefined) return;
    this.#events.delete(oldest);
    this.#dirtyEvents.delete(oldest);
    this.#inFlightEvents.delete(oldest);
    this.#sentEvents.add(oldest);
  }

  #writeSoon(): void {
    this.#writeTimer ??= setTimeout(() => {
      this.flush();
    }, writeDelayMs);
  }

  #readyIn(delayMs: number): void {
    if (delayMs === 0) {
      clearTimeout(this.#readyTimer);
      this.#readyTimer = undefined;
      this.#onReady();
      return;
    }
    this.#readyTimer ??= setTimeout(() => {
      this.#readyTimer = undefined;
      this.#onReady();
    }, delayMs);
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
