import type { JoinRefusal } from '../../protocol/join.ts';

export type JoinRefusalCode = JoinRefusal['code'];

/** A join that was refused; the device gets code and message as they are. */
export class JoinRefusedError extends Error {
  readonly code: JoinRefusalCode;

  constructor(code: JoinRefusalCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'JoinRefusedError';
    this.code = code;
  }
}
