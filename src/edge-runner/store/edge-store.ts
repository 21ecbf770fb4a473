import type { EventReport, PodReport } from '../../protocol/report.ts';
import type { DesiredObject, RemovedObject } from '../../protocol/sync.ts';

/** A service-account token that was issued to a pod. Times in ms since 1970. */
export interface StoredToken {
  token: string;
  issuedAtMs: number;
  expiresAtMs: number;
}

/** Who may use an image of one repository: every pod, or those that have one of these Secrets. */
export interface ImageAccess {
  everyone: boolean;
  secrets: readonly { uid: string; namespace: string; name: string; digest: string }[];
}

/** What is known of an image that the runner pulled, or is pulling; access by repository. */
export interface StoredImagePull {
  key: string;
  access: Readonly<Record<string, ImageAccess>>;
}

/** A report as it is kept until the provider has it. */
export interface StoredPodReport extends PodReport {
  sent: boolean;
}

/** What changed on the device since the last write. */
export interface ReportChange {
  pods: readonly StoredPodReport[];
  forgottenPods: readonly string[];
  events: readonly EventReport[];
  sentEvents: readonly string[];
}

/**
 * The edge metadata store: everything a site needs to run its pods without the cloud, and what it
 * still has to tell. Every method is one transaction, on disk when it returns; one that throws
 * RunnerError `STORE_FAILED` (the disk is full, say) has changed nothing and can be tried again.
 * `STORE_DAMAGED`: the file can't be read any more; the next start replaces it.
 */
export interface EdgeStore {
  /** Transactions that have changed something since the store was opened: flash wears by them. */
  readonly transactions: number;

  /**
   * Whether the cloud has told this store all that the site is to hold. A new store has heard
   * nothing yet: what it lacks may still be desired.
   */
  isComplete(): boolean;
  objects(): DesiredObject[];
  /** `complete`: from now on the store `isComplete`. */
  applyDelta(
    put: readonly DesiredObject[],
    remove: readonly RemovedObject[],
    complete: boolean,
  ): void;

  podReports(): StoredPodReport[];
  /** Unsent events, oldest first. */
  events(): EventReport[];
  writeReports(change: ReportChange): void;

  token(podUid: string, request: string): StoredToken | undefined;
  writeToken(podUid: string, request: string, token: StoredToken): void;
  forgetTokens(podUid: string): void;

  imagePulls(): StoredImagePull[];
  changeImagePulls(put: readonly StoredImagePull[], forget: readonly string[]): void;

  close(): void;
}
