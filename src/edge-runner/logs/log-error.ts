/**
 * `LOG_NOT_FOUND` there is no log file, `LOG_BAD_OPTION` an option that the API does not allow,
 * `LOG_UNREADABLE` the file is there but cannot be read (the cause says why).
 */
export type LogErrorCode = 'LOG_NOT_FOUND' | 'LOG_BAD_OPTION' | 'LOG_UNREADABLE';

export class LogError extends Error {
  override readonly name = 'LogError';
  readonly code: LogErrorCode;

  constructor(code: LogErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Turns an error of the file system into a LogError. */
export function unreadable(path: string, cause: unknown): LogError {
  if (cause instanceof LogError) return cause;
  if (isMissing(cause)) {
    return new LogError('LOG_NOT_FOUND', `there is no log file ${path}`, { cause });
  }
  return new LogError('LOG_UNREADABLE', `the log file ${path} cannot be read`, { cause });
}

export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
