import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';

/**
 * Notes beside a store that it is about to be set aside or removed, so that the next one isn't taken
 * for the first of the device. `pulls`: keys of the pulls that it has, undefined where nobody knows.
 * It is on disk when this returns, and adds to a loss that nobody has seen to.
 * @throws as `openSync`
 */
export function noteLoss(file: string, pulls: readonly string[] | undefined): void {
  const before = wasLost(file) ? lostPulls(file) : [];
  const all = before && pulls && [...new Set([...before, ...pulls])];
  const draft = `${noteOf(file)}.new`;
  syncing(draft, 'w', (descriptor) => writeSync(descriptor, JSON.stringify(all ?? null)));
  renameSync(draft, noteOf(file));
  syncing(dirname(file), 'r', () => undefined);
}

/** Whether a store was lost that nobody has seen to since. */
export function wasLost(file: string): boolean {
  return existsSync(noteOf(file));
}

/** Keys of the pulls that a lost store had; undefined where nobody knows. */
export function lostPulls(file: string): string[] | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(noteOf(file), 'utf8'));
    return Array.isArray(value) ? value.map(String) : undefined;
  } catch {
    return undefined;
  }
}

/** @throws as `rmSync` */
export function forgetLoss(file: string): void {
  rmSync(noteOf(file), { force: true });
}

function syncing(path: string, flags: string, write: (descriptor: number) => unknown): void {
  const descriptor = openSync(path, flags, 0o600);
  try {
    write(descriptor);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function noteOf(file: string): string {
  return `${file}.lost`;
}
