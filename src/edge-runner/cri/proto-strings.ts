import type { PbfReader, PbfWriter } from 'pbf';
import { boundedLength } from './proto-bounds.ts';
import { wireTypes, type Field } from './proto-types.ts';
import { WireError } from './wire-error.ts';

export function string(tag: number): Field<string, string> {
  return {
    tag,
    initial: () => '',
    accepts: (wireType) => wireType === wireTypes.lengthDelimited,
    read: readString,
    write(writer, value) {
      if (value !== '') writeString(writer, tag, value);
    },
  };
}

export function repeatedString(tag: number): Field<string[], readonly string[]> {
  return {
    tag,
    initial: () => [],
    accepts: (wireType) => wireType === wireTypes.lengthDelimited,
    read(reader, end, previous) {
      previous.push(readString(reader, end));
      return previous;
    },
    write(writer, values) {
      for (const value of values) writeString(writer, tag, value);
    },
  };
}

export function bytes(tag: number): Field<Uint8Array, Uint8Array> {
  return {
    tag,
    initial: () => new Uint8Array(0),
    accepts: (wireType) => wireType === wireTypes.lengthDelimited,
    read(reader, end) {
      boundedLength(reader, end);
      return reader.readBytes();
    },
    write(writer, value) {
      if (value.length === 0) return;
      writer.writeTag(tag, wireTypes.lengthDelimited);
      writer.writeBytes(value);
    },
  };
}

export function bool(tag: number): Field<boolean, boolean> {
  return {
    tag,
    initial: () => false,
    accepts: (wireType) => wireType === wireTypes.varint,
    read: (reader) => reader.readBoolean(),
    write(writer, value) {
      if (!value) return;
      writer.writeTag(tag, wireTypes.varint);
      writer.writeBoolean(true);
    },
  };
}

/** `map<string, string>`. */
export function stringMap(
  tag: number,
): Field<Record<string, string>, Readonly<Record<string, string>>> {
  return {
    tag,
    initial: () => ({}),
    accepts: (wireType) => wireType === wireTypes.lengthDelimited,
    read(reader, end, previous) {
      const [key, value] = readMapEntry(reader, end);
      previous[key] = value;
      return previous;
    },
    write(writer, map) {
      for (const entry of Object.entries(map)) writer.writeMessage(tag, writeMapEntry, entry);
    },
  };
}

function readString(reader: PbfReader, end: number): string {
  boundedLength(reader, end);
  return reader.readString();
}

function writeString(writer: PbfWriter, tag: number, value: string): void {
  writer.writeTag(tag, wireTypes.lengthDelimited);
  writer.writeString(value);
}

function readMapEntry(reader: PbfReader, end: number): [key: string, value: string] {
  boundedLength(reader, end);
  const length = reader.readVarint();
  const entryEnd = reader.pos + length;
  const entry: [string, string] = ['', ''];
  for (let tag = reader.nextField(entryEnd); tag !== 0; tag = reader.nextField(entryEnd)) {
    if (tag === 1) entry[0] = readString(reader, entryEnd);
    else if (tag === 2) entry[1] = readString(reader, entryEnd);
  }
  if (reader.pos !== entryEnd) {
    throw new WireError('MALFORMED', 'a protobuf map entry is longer than it says');
  }
  return entry;
}

function writeMapEntry([key, value]: [string, string], writer: PbfWriter): void {
  writeString(writer, 1, key);
  writeString(writer, 2, value);
}
