import type { PbfReader, PbfWriter } from 'pbf';
import { wireTypes, type Field } from './proto-types.ts';
import { WireError } from './wire-error.ts';

export function int32(tag: number): Field<number, number> {
  return integer(tag, { min: -(2 ** 31), max: 2 ** 31 - 1 });
}

export function uint32(tag: number): Field<number, number> {
  return integer(tag, { min: 0, max: 2 ** 32 - 1 });
}

/** 64 bits as a number: exact up to 2^53, the nearest double beyond. */
export function int64(tag: number): Field<number, number> {
  return integer(tag, { min: -(2 ** 63), max: 2 ** 63 - 1024 });
}

/** 64 bits as a number: exact up to 2^53, the nearest double beyond. */
export function uint64(tag: number): Field<number, number> {
  return integer(tag, { min: 0, max: 2 ** 64 - 2048 });
}

export function double(tag: number): Field<number, number> {
  return {
    tag,
    initial: () => 0,
    accepts: (wireType) => wireType === wireTypes.fixed64,
    read: (reader) => reader.readDouble(),
    write(writer, value) {
      if (value === 0) return;
      writer.writeTag(tag, wireTypes.fixed64);
      writer.writeDouble(value);
    },
  };
}

/** A signed 64-bit integer kept exactly; used for times in nanoseconds. */
export function nanoseconds(tag: number): Field<bigint, bigint> {
  return {
    tag,
    initial: () => 0n,
    accepts: (wireType) => wireType === wireTypes.varint,
    read: (reader, end) => readInt64(reader, end),
    write(writer, value) {
      if (value === 0n) return;
      writer.writeTag(tag, wireTypes.varint);
      writeInt64(writer, value);
    },
  };
}

/**
 * An enum whose values are 0, 1, 2 … in the order of `names`. A value that this table does not
 * know yet is read as `unknownAs`, or as the first name.
 */
export function enumeration<const Name extends string>(
  tag: number,
  names: readonly Name[],
  unknownAs?: NoInfer<Name>,
): Field<Name, Name> {
  const [first] = names;
  if (first === undefined) throw new WireError('BAD_VALUE', `enum field ${tag} has no names`);
  return {
    tag,
    initial: () => first,
    accepts: (wireType) => wireType === wireTypes.varint,
    read: (reader) => names[reader.readVarint(true)] ?? unknownAs ?? first,
    write(writer, value) {
      const number = names.indexOf(value);
      if (number < 0) throw new WireError('BAD_VALUE', `enum field ${tag} has no value ${value}`);
      if (number === 0) return;
      writer.writeTag(tag, wireTypes.varint);
      writer.writeVarint(number);
    },
  };
}

function integer(tag: number, range: { min: number; max: number }): Field<number, number> {
  const signed = range.min < 0;
  return {
    tag,
    initial: () => 0,
    accepts: (wireType) => wireType === wireTypes.varint,
    read: (reader) => reader.readVarint(signed),
    write(writer, value) {
      if (value === 0) return;
      if (!Number.isInteger(value) || value < range.min || value > range.max) {
        throw new WireError('BAD_VALUE', `field ${tag} cannot hold the number ${value}`);
      }
      writer.writeTag(tag, wireTypes.varint);
      writer.writeVarint(value);
    },
  };
}

function readInt64(reader: PbfReader, end: number): bigint {
  let value = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = reader.pos < end ? reader.buf[reader.pos++] : undefined;
    if (byte === undefined) break;
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return BigInt.asIntN(64, value);
  }
  throw new WireError('MALFORMED', 'a protobuf integer has no end');
}

function writeInt64(writer: PbfWriter, value: bigint): void {
  const maxVarintBytes = 10;
  writer.realloc(maxVarintBytes);
  let rest = BigInt.asUintN(64, value);
  while (rest > 0x7fn) {
    writer.buf[writer.pos++] = Number(rest & 0x7fn) | 0x80;
    rest >>= 7n;
  }
  writer.buf[writer.pos++] = Number(rest);
}
