import type { PbfReader, PbfWriter } from 'pbf';
import { boundedLength } from './proto-bounds.ts';
import { wireTypes, type Field, type Message } from './proto-types.ts';

export function nested<Decoded, Input>(
  tag: number,
  schema: Message<Decoded, Input>,
): Field<Decoded | undefined, Input | undefined> {
  return {
    tag,
    initial: () => undefined,
    accepts: (wireType) => wireType === wireTypes.lengthDelimited,
    read: (reader, end) => readNested(reader, end, schema),
    write(writer, value) {
      if (value !== undefined) writer.writeMessage(tag, schema.write, value);
    },
  };
}

export function repeated<Decoded, Input>(
  tag: number,
  schema: Message<Decoded, Input>,
): Field<Decoded[], readonly Input[]> {
  return {
    tag,
    initial: () => [],
    accepts: (wireType) => wireType === wireTypes.lengthDelimited,
    read(reader, end, previous) {
      previous.push(readNested(reader, end, schema));
      return previous;
    },
    write(writer, values) {
      for (const value of values) writer.writeMessage(tag, schema.write, value);
    },
  };
}

/** Written packed, as proto3 does; read in both forms. */
export function repeatedInt64(tag: number): Field<number[], readonly number[]> {
  return {
    tag,
    initial: () => [],
    accepts: (wireType) => wireType === wireTypes.lengthDelimited || wireType === wireTypes.varint,
    read(reader, end, previous) {
      if (reader.type === wireTypes.lengthDelimited) boundedLength(reader, end);
      return reader.readPackedVarint(previous, true);
    },
    write(writer, values) {
      if (values.length > 0) writer.writeMessage(tag, writeVarints, values);
    },
  };
}

function readNested<Decoded>(
  reader: PbfReader,
  end: number,
  schema: Message<Decoded, never>,
): Decoded {
  boundedLength(reader, end);
  const length = reader.readVarint();
  const innerEnd = reader.pos + length;
  const value = schema.read(reader, innerEnd);
  reader.pos = innerEnd;
  return value;
}

function writeVarints(values: readonly number[], writer: PbfWriter): void {
  for (const value of values) writer.writeVarint(value);
}
