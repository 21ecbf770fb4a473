/** gRPC's status names, with one of our own: `NO_CRI`, the socket answers but serves no CRI v1. */
export type CriErrorCode =
  | 'CANCELLED'
  | 'UNKNOWN'
  | 'INVALID_ARGUMENT'
  | 'DEADLINE_EXCEEDED'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'PERMISSION_DENIED'
  | 'RESOURCE_EXHAUSTED'
  | 'FAILED_PRECONDITION'
  | 'ABORTED'
  | 'OUT_OF_RANGE'
  | 'UNIMPLEMENTED'
  | 'INTERNAL'
  | 'UNAVAILABLE'
  | 'DATA_LOSS'
  | 'UNAUTHENTICATED'
  | 'NO_CRI';

/** Which call failed, and what is known about it. */
export interface FailedCall {
  readonly method: string;
  readonly detail: string;
  readonly socketPath: string;
  readonly answered: boolean;
}

/**
 * A call to the container runtime that failed. `detail` is the runtime's own text (what a kubelet
 * writes into events), `method` the call, `message` a sentence with both and, where there is one,
 * the remedy. `answered` tells the runtime's own answer from one that was given for it:
 * `UNAVAILABLE` means that containerd is gone only if it was not containerd that said so (it may
 * say so of a registry).
 */
export class CriError extends Error implements FailedCall {
  override readonly name = 'CriError';
  readonly code: CriErrorCode;
  readonly method: string;
  readonly detail: string;
  readonly socketPath: string;
  readonly answered: boolean;

  constructor(code: CriErrorCode, call: FailedCall, options?: ErrorOptions) {
    super(sentence(code, call), options);
    this.code = code;
    this.method = call.method;
    this.detail = call.detail;
    this.socketPath = call.socketPath;
    this.answered = call.answered;
  }
}

/** Whether an error is a CriError with one of these codes. */
export function hasCriCode(error: unknown, ...codes: CriErrorCode[]): error is CriError {
  return error instanceof CriError && codes.includes(error.code);
}

/** Whether an error says that there is no runtime to talk to at the moment. */
export function isRuntimeGone(error: unknown): boolean {
  return hasCriCode(error, 'UNAVAILABLE') && !error.answered;
}

function sentence(code: CriErrorCode, call: FailedCall): string {
  const what = `${call.method} failed on the container runtime (${code}): ${call.detail}`;
  if (code === 'UNAVAILABLE' && !call.answered) {
    return `${what}. Check that containerd runs and listens on ${call.socketPath}.`;
  }
  if (code === 'NO_CRI') {
    return `${what}. Check that ${call.socketPath} is containerd's socket and that its config does not list "cri" in disabled_plugins; version 1.6 or newer is needed.`;
  }
  return what;
}
