import { isDeepStrictEqual } from 'node:util';
import { RunnerError } from '../errors.ts';
import type { EdgeStore, StoredImagePull } from './edge-store.ts';
import { dropPullCopy, readPullCopy, writePullCopy, type PullCopyOwner } from './pull-copy.ts';

/** Where image pulls are kept. */
export type PullStore = Pick<EdgeStore, 'imagePulls' | 'changeImagePulls'>;

/**
 * The image pulls of a store, and a copy of them beside it. The copy is written first, so that it never
 * lacks a pull; what the store lacks is taken from it, where it is of this site and device.
 */
export class CopiedPulls implements PullStore {
  /** Whether a copy of this very site and device was there: nothing that was pulled is unknown. */
  readonly wasKept: boolean;
  readonly #file: string;
  readonly #owner: PullCopyOwner;
  readonly #store: PullStore;
  /** Whether the copy has all that is known. */
  #isWhole: boolean;
  #pulls: ReadonlyMap<string, StoredImagePull>;

  /** @throws RunnerError `STORE_FAILED`, `STORE_DAMAGED` */
  constructor(file: string, owner: PullCopyOwner, store: PullStore) {
    const stored = store.imagePulls();
    const copied = readPullCopy(file, owner);
    this.wasKept = copied !== undefined;
    this.#file = file;
    this.#owner = owner;
    this.#store = store;
    this.#pulls = byKey([...(copied ?? []), ...stored]);
    this.#isWhole = isDeepStrictEqual(copied && byKey(copied), this.#pulls);
    if (!this.wasKept) dropPullCopy(file);
  }

  imagePulls(): StoredImagePull[] {
    return [...this.#pulls.values()];
  }

  changeImagePulls(put: readonly StoredImagePull[], forget: readonly string[]): void {
    const pulls = new Map(this.#pulls);
    for (const key of forget) pulls.delete(key);
    for (const pull of put) pulls.set(pull.key, pull);
    this.#write(pulls);
    this.#store.changeImagePulls(put, forget);
    this.#pulls = pulls;
  }

  /**
   * Brings store and copy to the same. Only when a loss has been seen to: a copy that is there says that
   * nothing is unknown.
   * @returns whether both have it
   */
  settle(): boolean {
    const stored = new Set(this.#store.imagePulls().map(({ key }) => key));
    const lost = this.imagePulls().filter(({ key }) => !stored.has(key));
    try {
      if (!this.#isWhole) this.#write(this.#pulls);
      if (lost.length > 0) this.#store.changeImagePulls(lost, []);
      return true;
    } catch (error) {
      if (!(error instanceof RunnerError) || error.code !== 'STORE_FAILED') throw error;
      return false;
    }
  }

  #write(pulls: ReadonlyMap<string, StoredImagePull>): void {
    try {
      writePullCopy(this.#file, this.#owner, [...pulls.values()]);
      this.#isWhole = true;
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new RunnerError(
        'STORE_FAILED',
        `can't write beside the store ${this.#file} (${why}): check that the disk has room and works`,
        { cause },
      );
    }
  }
}

function byKey(pulls: readonly StoredImagePull[]): Map<string, StoredImagePull> {
  return new Map(pulls.map((pull) => [pull.key, pull]));
}
