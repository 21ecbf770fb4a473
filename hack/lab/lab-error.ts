/** The closed list of reasons for which the lab gives up. */
export type LabErrorCode =
  | 'aborted'
  | 'bad-answer'
  | 'cache-unusable'
  | 'command-failed'
  | 'in-use'
  | 'not-debian'
  | 'not-found'
  | 'not-ready'
  | 'not-root'
  | 'timeout';

/** What went wrong while the lab was prepared, started or stopped: one line for a person, and a code. */
export class LabError extends Error {
  override readonly name = 'LabError';
  readonly code: LabErrorCode;

  constructor(code: LabErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
