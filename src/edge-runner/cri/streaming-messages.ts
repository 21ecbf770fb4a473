import { repeatedInt64 } from './proto-composites.ts';
import { message, type MessageOf } from './proto-message.ts';
import { int32, int64 } from './proto-numbers.ts';
import { bool, bytes, repeatedString, string } from './proto-strings.ts';

/** `timeout` in seconds; 0 lets the command run forever. */
export const ExecSyncRequest = message({
  containerId: string(1),
  cmd: repeatedString(2),
  timeout: int64(3),
});
export type ExecSyncRequest = MessageOf<typeof ExecSyncRequest>;

export const ExecSyncResponse = message({ stdout: bytes(1), stderr: bytes(2), exitCode: int32(3) });
export type ExecSyncResponse = MessageOf<typeof ExecSyncResponse>;

/** At least one of the three streams must be asked for, and `stderr` not together with `tty`. */
export const ExecRequest = message({
  containerId: string(1),
  cmd: repeatedString(2),
  tty: bool(3),
  stdin: bool(4),
  stdout: bool(5),
  stderr: bool(6),
});
export type ExecRequest = MessageOf<typeof ExecRequest>;

/** At least one of the three streams must be asked for, and `stderr` not together with `tty`. */
export const AttachRequest = message({
  containerId: string(1),
  stdin: bool(2),
  tty: bool(3),
  stdout: bool(4),
  stderr: bool(5),
});
export type AttachRequest = MessageOf<typeof AttachRequest>;

export const PortForwardRequest = message({ podSandboxId: string(1), port: repeatedInt64(2) });
export type PortForwardRequest = MessageOf<typeof PortForwardRequest>;

/** The answer to Exec, Attach and PortForward: where the runtime's streaming server waits. */
export const StreamingUrlResponse = message({ url: string(1) });
export type StreamingUrlResponse = MessageOf<typeof StreamingUrlResponse>;
