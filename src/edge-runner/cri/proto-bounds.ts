import type { PbfReader } from 'pbf';
import { WireError } from './wire-error.ts';

/** Checks a length-delimited value against its bounds and leaves the reader in front of it. */
export function boundedLength(reader: PbfReader, end: number): number {
  const start = reader.pos;
  const length = reader.readVarint();
  if (length > end - reader.pos) {
    throw new WireError('MALFORMED', `a protobuf value claims ${length} bytes that are not there`);
  }
  reader.pos = start;
  return length;
}
