import type {
  EdgeStore,
  ReportChange,
  StoredImagePull,
  StoredPodReport,
} from '../../../../src/edge-runner/store/edge-store.ts';
import { RunnerError } from '../../../../src/edge-runner/errors.ts';
import type { EventReport } from '../../../../src/protocol/report.ts';
import type { DesiredObject, RemovedObject } from '../../../../src/protocol/sync.ts';

/** A store in memory whose disk can be full. */
export class FakeStore implements EdgeStore {
  readonly reports = new Map<string, StoredPodReport>();
  readonly stored = new Map<string, EventReport>();
  readonly put = new Map<string, DesiredObject>();
  readonly pulls = new Map<string, StoredImagePull>();
  writes = 0;
  /** Writes that failed, for the disk was full. */
  refusals = 0;
  isFull = false;
  hasHeardAll = false;

  get transactions(): number {
    return this.writes;
  }

  isComplete(): boolean {
    return this.hasHeardAll;
  }

  objects(): DesiredObject[] {
    return [...this.put.values()];
  }

  applyDelta(
    put: readonly DesiredObject[],
    remove: readonly RemovedObject[],
    complete: boolean,
  ): void {
    this.#write();
    this.hasHeardAll ||= complete;
    for (const { kind, name } of remove) this.put.delete(`${kind}/${name}`);
    for (const object of put) this.put.set(`${object.kind}/${object.name}`, object);
  }

  podReports(): StoredPodReport[] {
    return [...this.reports.values()];
  }

  events(): EventReport[] {
    return [...this.stored.values()];
  }

  writeReports(change: ReportChange): void {
    this.#write();
    for (const report of change.pods) this.reports.set(report.uid, report);
    for (const uid of change.forgottenPods) this.reports.delete(uid);
    for (const event of change.events) this.stored.set(event.id, event);
    for (const id of change.sentEvents) this.stored.delete(id);
  }

  token(): undefined {
    return undefined;
  }

  writeToken(): void {
    this.#write();
  }

  forgetTokens(): void {
    this.#write();
  }

  imagePulls(): StoredImagePull[] {
    return [...this.pulls.values()];
  }

  changeImagePulls(put: readonly StoredImagePull[], forget: readonly string[]): void {
    this.#write();
    for (const key of forget) this.pulls.delete(key);
    for (const pull of put) this.pulls.set(pull.key, pull);
  }

  close(): void {
    this.writes += 0;
  }

  #write(): void {
    if (this.isFull) {
      this.refusals += 1;
      throw new RunnerError('STORE_FAILED', 'database or disk is full');
    }
    this.writes += 1;
  }
}
