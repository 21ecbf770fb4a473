import { readFileSync } from 'node:fs';

const headerBytes = 32;
const frameHeaderBytes = 24;

/** The transactions in a write-ahead log of SQLite ("WAL-mode file format"), oldest first. */
export interface WalCommits {
  /** Changes whenever the log is begun anew. */
  readonly salt: string;
  readonly count: number;
}

/** Counts them by reading the file alone, so that a store may be open to its owner only. */
export function readWalCommits(file: string): WalCommits {
  const wal = readFileSync(file);
  if (wal.length < headerBytes) return { salt: '', count: 0 };
  const frameBytes = frameHeaderBytes + wal.readUInt32BE(8);
  const salt = wal.toString('hex', 16, 24);
  let count = 0;
  for (let at = headerBytes; at + frameBytes <= wal.length; at += frameBytes) {
    if (wal.toString('hex', at + 8, at + 16) !== salt) break;
    // The last frame of a transaction has the size of the database after it.
    if (wal.readUInt32BE(at + 4) !== 0) count += 1;
  }
  return { salt, count };
}

/** How many transactions came between two readings. */
export function commitsBetween(before: WalCommits, after: WalCommits): number {
  return after.salt === before.salt ? after.count - before.count : after.count;
}
