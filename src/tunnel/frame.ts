import { TunnelError } from './errors.ts';

/** yamux, version 0: every frame begins with a header of 12 bytes, in network byte order. */
export const headerBytes = 12;

export const frameType = { data: 0, windowUpdate: 1, ping: 2, goAway: 3 } as const;
export type FrameType = (typeof frameType)[keyof typeof frameType];

export const frameFlag = { syn: 1, ack: 2, fin: 4, rst: 8 } as const;
const knownFlags = 0b1111;

export const goAwayCode = { normal: 0, protocolError: 1, internalError: 2 } as const;

/** `length` is the payload's for data, the credit for a window update, the id of a ping, the code of a go-away. */
export interface FrameHeader {
  readonly type: FrameType;
  readonly flags: number;
  readonly streamId: number;
  readonly length: number;
}

export function encodeHeader(
  type: FrameType,
  flags: number,
  streamId: number,
  length: number,
): Buffer {
  const header = Buffer.allocUnsafe(headerBytes);
  header[0] = 0;
  header[1] = type;
  header.writeUInt16BE(flags, 2);
  header.writeUInt32BE(streamId, 4);
  header.writeUInt32BE(length, 8);
  return header;
}

/** Reads the header at `offset`. Throws TunnelError VERSION_UNKNOWN, TYPE_UNKNOWN or FLAGS_INVALID. */
export function decodeHeader(bytes: Buffer, offset: number): FrameHeader {
  const version = bytes[offset];
  if (version !== 0) {
    throw new TunnelError('VERSION_UNKNOWN', `frame of yamux version ${String(version)}, not 0`);
  }
  const type = bytes[offset + 1];
  if (!isFrameType(type)) {
    throw new TunnelError('TYPE_UNKNOWN', `frame of unknown type ${String(type)}`);
  }
  const flags = bytes.readUInt16BE(offset + 2);
  if ((flags & ~knownFlags) !== 0) {
    throw new TunnelError('FLAGS_INVALID', `frame with unknown flags 0x${flags.toString(16)}`);
  }
  return {
    type,
    flags,
    streamId: bytes.readUInt32BE(offset + 4),
    length: bytes.readUInt32BE(offset + 8),
  };
}

function isFrameType(value: number | undefined): value is FrameType {
  return value !== undefined && value <= frameType.goAway;
}
