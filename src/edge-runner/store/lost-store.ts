import { existsSync, readFileSync, rmSync } from 'node:fs';
import { writeWhole } from './write-whole.ts';

/**
 * Notes beside a store that it is about to be set aside or removed, so that the next one isn't taken
 * for the first of the device. `pulls`: keys of the pulls that it has, undefined where nobody knows.
 * It is on disk when this returns, and adds to a loss that nobody has seen to.
 * @throws as `openSync`
 */
export function noteLoss(file: string, pulls: readonly string[] | undefined): void {
  const before = wasLost(file) ? lostPulls(file) : [];
  const all = before && pulls && [...new Set([...before, ...pulls])];
  writeWhole(noteOf(file), JSON.stringify(all ?? null));
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

function noteOf(file: string): string {
  return `${file}.lost`;
}
