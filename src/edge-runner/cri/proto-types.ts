import type { PbfReader, PbfWriter } from 'pbf';

/**
 * A protobuf message as a table of fields. Encoding omits default values, decoding fills them in
 * and skips unknown fields.
 */
export interface Message<Decoded, Input> {
  /** Throws WireError `BAD_VALUE` when a number does not fit its field. */
  encode(value: Input): Uint8Array;
  /** Throws WireError `MALFORMED` when the bytes are not this message. Byte fields share memory with `bytes`. */
  decode(bytes: Uint8Array): Decoded;
  /** Decodes from the reader's position up to `end`. */
  read(reader: PbfReader, end: number): Decoded;
  /** Encodes without a length, at the writer's position. */
  readonly write: (value: Input, writer: PbfWriter) => void;
}

/** One field of a message: its number, and how its value is read and written. */
export interface Field<Decoded, Input> {
  readonly tag: number;
  /** The value of a field that is not on the wire. */
  initial(): Decoded;
  /** Whether a value of this wire type can be read; any other is skipped as unknown. */
  accepts(wireType: number): boolean;
  /** Reads one occurrence; `end` bounds it, `previous` is the value so far. */
  read(reader: PbfReader, end: number, previous: Decoded): Decoded;
  /** Writes tag and value, or nothing when the value is the default. */
  write(writer: PbfWriter, value: Input): void;
}

/** Wire types of the protobuf encoding. */
export const wireTypes = { varint: 0, fixed64: 1, lengthDelimited: 2 } as const;
