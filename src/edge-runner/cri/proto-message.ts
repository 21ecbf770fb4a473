import { PbfReader, PbfWriter } from 'pbf';
import type { Field, Message } from './proto-types.ts';
import { WireError } from './wire-error.ts';

/** A message as it is decoded: every field is there. */
export type MessageOf<M> = M extends Message<infer Decoded, never> ? Decoded : never;

/** A message as it is given for encoding: every field may be left out or undefined. */
export type InputOf<M> = M extends Message<unknown, infer Input> ? Input : never;

/** Makes a message of its fields: `message({ name: string(1), attempt: uint32(4) })`. */
export function message<Fields extends FieldTable>(
  fields: Fields,
): Message<DecodedFields<Fields>, InputFields<Fields>> {
  const entries = Object.entries(fields);
  const byTag = new Map(entries.map(([name, field]) => [field.tag, { name, field }]));

  function read(reader: PbfReader, end: number): DecodedFields<Fields> {
    const result: Record<string, unknown> = {};
    for (const [name, field] of entries) result[name] = field.initial();
    for (let tag = nextTag(reader, end); tag !== 0; tag = nextTag(reader, end)) {
      const known = byTag.get(tag);
      if (known === undefined || !known.field.accepts(reader.type)) continue;
      result[known.name] = known.field.read(reader, end, result[known.name]);
    }
    return result as DecodedFields<Fields>;
  }

  function write(value: InputFields<Fields>, writer: PbfWriter): void {
    const given = value as Record<string, unknown>;
    for (const [name, field] of entries) {
      const item = given[name];
      if (item !== undefined) field.write(writer, item);
    }
  }

  return {
    read,
    write,
    decode: (bytes) => guarded(() => read(new PbfReader(bytes), bytes.length)),
    encode: (value) =>
      guarded(() => {
        const writer = new PbfWriter();
        write(value, writer);
        return writer.finish();
      }),
  };
}

type FieldTable = Record<string, Field<unknown, unknown>>;

type DecodedFields<Fields extends FieldTable> = {
  [Name in keyof Fields]: Fields[Name] extends Field<infer Decoded, never> ? Decoded : never;
};

type InputFields<Fields extends FieldTable> = {
  [Name in keyof Fields]?:
    (Fields[Name] extends Field<unknown, infer Input> ? Input : never) | undefined;
};

function nextTag(reader: PbfReader, end: number): number {
  if (reader.pos > end) throw overrun();
  const tag = reader.nextField(end);
  if (reader.pos > end || (tag === 0 && reader.pos < end)) throw overrun();
  return tag;
}

function overrun(): WireError {
  return new WireError('MALFORMED', 'a protobuf field does not fit the message that holds it');
}

/** The protobuf library throws bare errors; none of them leaves this file. */
function guarded<Result>(work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (error instanceof WireError) throw error;
    throw new WireError('MALFORMED', 'not a valid protobuf message', { cause: error });
  }
}
