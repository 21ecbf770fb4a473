import { readFileSync, rmSync } from 'node:fs';
import { systemCodeOf } from '../join/errors.ts';
import type { StoredImagePull } from './edge-store.ts';
import type { Sealer } from './sealer.ts';
import { writeWhole } from './write-whole.ts';

/** Whose a copy is: it can be read by the device's key, and as the same site's, alone. */
export interface PullCopyOwner {
  sealer: Sealer;
  /** SPIFFE ID of the site. */
  owner: string;
}

/**
 * A copy, beside the store, of which images were pulled and by whose credentials: it outlives a store
 * that can't be read, so that a site that is cut off can use its images, and nobody else can.
 * It is on disk when this returns. @throws as `openSync`
 */
export function writePullCopy(
  file: string,
  { sealer, owner }: PullCopyOwner,
  pulls: readonly StoredImagePull[],
): void {
  writeWhole(copyOf(file), sealer.seal(JSON.stringify(pulls), placeOf(owner)));
}

/** Undefined where there is none, or one of another site or device, or a damaged one. */
export function readPullCopy(
  file: string,
  { sealer, owner }: PullCopyOwner,
): StoredImagePull[] | undefined {
  try {
    const text = sealer.open(readFileSync(copyOf(file)), placeOf(owner));
    return JSON.parse(text) as StoredImagePull[];
  } catch {
    return undefined;
  }
}

/** Removes one that isn't to be trusted; on a disk that can't be written it stays, as all else does. */
export function dropPullCopy(file: string): void {
  try {
    rmSync(copyOf(file), { force: true });
  } catch (error) {
    if (systemCodeOf(error) === undefined) throw error;
  }
}

/** Where the copy beside a store is. */
export function copyOf(file: string): string {
  return `${file}.pulls`;
}

function placeOf(owner: string): string {
  return `pull-copy/${owner}`;
}
