import { closeSync, existsSync, fsyncSync, openSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Notes beside a store that it is about to be set aside or removed, so that the next one isn't taken
 * for the first of the device. It is on disk when this returns.
 * @throws as `openSync`
 */
export function noteLoss(file: string): void {
  for (const [path, flags] of [[noteOf(file), 'a'] as const, [dirname(file), 'r'] as const]) {
    const descriptor = openSync(path, flags, 0o600);
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  }
}

/** Whether a store was lost that nobody has seen to since. */
export function wasLost(file: string): boolean {
  return existsSync(noteOf(file));
}

/** @throws as `rmSync` */
export function forgetLoss(file: string): void {
  rmSync(noteOf(file), { force: true });
}

function noteOf(file: string): string {
  return `${file}.lost`;
}
