/** What can stop the runner, or fail inside it. */
export type RunnerErrorCode =
  /** A flag or argument is wrong. */
  | 'USAGE'
  /** The runner needs root. */
  | 'NOT_ROOT'
  /** The device has not joined a site. */
  | 'NOT_JOINED'
  /** Another runner already uses this state directory. */
  | 'ALREADY_RUNNING'
  /** The container runtime doesn't answer, or has no CRI. */
  | 'RUNTIME_UNAVAILABLE'
  /** The folder of a flag can't be made. */
  | 'FOLDER_UNUSABLE'
  /** The device lacks something that pods need; nothing was changed. */
  | 'PREFLIGHT_FAILED'
  /** A file of the service can't be written. */
  | 'INSTALL_FAILED'
  /** systemd refused, or there is none. */
  | 'SYSTEMD_FAILED'
  /** Pods run, and nobody said that they may be ended. */
  | 'PODS_RUNNING'
  /** The store can't be opened or written. */
  | 'STORE_FAILED'
  /** The store was written by a newer runner. */
  | 'STORE_NEWER'
  /** The store holds something else than was written. */
  | 'STORE_DAMAGED'
  /** No runner answers on its control socket. */
  | 'RUNNER_UNREACHABLE'
  /** The runner on this device can't do what was asked; the message says why. */
  | 'CONTROL_REFUSED'
  /** The streams of a command in a container broke. */
  | 'EXEC_FAILED'
  /** A signal broke the command off. */
  | 'ABORTED'
  /** The provider can't be asked now. */
  | 'CLOUD_UNREACHABLE'
  /** The provider refused a request. */
  | 'CLOUD_REFUSED'
  /** A pod asks for something that it can't have; the reason is in `reason`. */
  | 'POD_REJECTED';

/** A failure of the runner, in words for the person at the device. */
export class RunnerError extends Error {
  readonly code: RunnerErrorCode;

  constructor(code: RunnerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'RunnerError';
    this.code = code;
  }
}
