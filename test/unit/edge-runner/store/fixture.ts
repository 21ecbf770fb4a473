import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { AesSealer } from '../../../../src/edge-runner/store/sealer.ts';

/** A sealer with a key of its own for every `seed`. */
export function makeSealer(seed = 1): AesSealer {
  return new AesSealer(Buffer.alloc(32, seed));
}

/** Where a store can be made. */
export function temporaryFile(t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'towline-store-'));
  t.teardown(() => {
    rmSync(dir, { recursive: true });
  });
  return join(dir, 'store.db');
}
