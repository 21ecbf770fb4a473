import type { GivenResources } from '../../kube/resize.ts';

/** What the runtime says of one pod, in the words of the pod engine. */
export interface ObservedPod {
  /** Newest first. */
  sandboxes: ObservedSandbox[];
  /** Newest attempt first, for every container name. */
  containers: ObservedContainer[];
  /**
   * How soon to look again, because a container's process is known to have ended and the runtime has
   * not yet written down how.
   */
  settleInMs: number | undefined;
}

export interface ObservedSandbox {
  id: string;
  ready: boolean;
  attempt: number;
  /** In ms since 1970. */
  createdAtMs: number;
  /** Pod addresses, the first the primary one; empty with host networking. */
  ips: string[];
}

export interface ObservedContainer {
  id: string;
  sandboxId: string;
  name: string;
  /** The kubelet's restart count: 0 for the first. */
  attempt: number;
  state: 'created' | 'running' | 'exited' | 'unknown';
  image: string;
  imageId: string;
  /** Hash of the spec that it was made from; see `containerHash`. */
  hash: string;
  /** CPU and memory that it has; absent where that isn't known. */
  resources?: GivenResources;
  /** What the runtime stops it with, where it says so. */
  stopSignal?: string;
  /** As whom its first process runs, where the runtime says it. */
  user?: { uid: number; gid: number; supplementalGroups: number[] };
  /** In ms since 1970. */
  createdAtMs: number;
  /** When it ended, on the monotonic clock of this process; 0 before. */
  endedAtMs: number;
  /** RFC 3339 with seconds, as in a container status; absent before the moment. */
  startedAt?: string;
  finishedAt?: string;
  exitCode: number;
  /** The runtime's word, such as `Completed`, `Error`, `OOMKilled`, `StartError`. */
  reason: string;
  message: string;
  logPath: string;
  /** Host path of the file that holds its termination message; empty when there is none. */
  terminationMessageFile: string;
  terminationMessagePolicy: string;
}

/** The newest instance of a container, if there is any. */
export function newestContainer(
  observed: ObservedPod,
  name: string,
): ObservedContainer | undefined {
  return observed.containers.find((container) => container.name === name);
}

/** Instances that are not known to have ended. */
export function liveContainers(observed: ObservedPod): ObservedContainer[] {
  return observed.containers.filter((container) => container.state !== 'exited');
}

/** Newest sandbox, whatever its state. */
export function newestSandbox(observed: ObservedPod): ObservedSandbox | undefined {
  return observed.sandboxes[0];
}
