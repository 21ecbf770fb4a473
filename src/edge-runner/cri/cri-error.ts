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

/**
 * A call to the container runtime that failed. `detail` is the runtime's own text (what a kubelet
 * writes into events), `method` the call, `message` a sentence with both and, where there is one,
 * the remedy.
 */
export class CriError extends Error {
  override readonly name = 'CriError';
  readonly code: CriErrorCode;
  readonly method: string;
  readonly detail: string;
  readonly socketPath: string;

  constructor(
    code: CriErrorCode,
    call: { method: string; detail: string; socketPath: string },
    options?: ErrorOptions,
  ) {
    super(sentence(code, call), options);
    this.code = code;
    this.method = call.method;
    this.detail = call.detail;
    this.socketPath = call.socketPath;
  }
}

/** Whether an error is a CriError with one of these codes. */
export function hasCriCode(error: unknown, ...codes: CriErrorCode[]): error is CriError {
  return error instanceof CriError && codes.includes(error.code);
}

function sentence(
  code: CriErrorCode,
  call: { method: string; detail: string; socketPath: string },
): string {
  const what = `${call.method} failed on the container runtime (${code}): ${call.detail}`;
  if (code === 'UNAVAILABLE') {
    return `${what}. Check that containerd runs and listens on ${call.socketPath}.`;
  }
  if (code === 'NO_CRI') {
    return `${what}. Check that ${call.socketPath} is containerd's socket and that its config does not list "cri" in disabled_plugins; version 1.6 or newer is needed.`;
  }
  return what;
}
