import { statSync, writeSync } from 'node:fs';
import { SqliteStore } from '../../../src/edge-runner/store/sqlite-store.ts';
import { makeSealer } from '../../unit/edge-runner/store/fixture.ts';
import { advance } from './generations.ts';

/**
 * `writer FILE SEED FIRST STEP`: opens the store and writes one generation after the other from FIRST
 * on, until the process kills itself at step STEP of its transactions. Says `NUMBER WAL-BYTES` of
 * every generation that is on disk.
 */
const [file = '', seed, first, lastStep] = process.argv.slice(2);
let step = 0;
const store = new SqliteStore(file, {
  sealer: makeSealer(),
  onStep: () => {
    if (step === Number(lastStep)) process.kill(process.pid, 'SIGKILL');
    step += 1;
  },
});
for (let number = Number(first); ; number += 1) {
  advance(store, Number(seed), number);
  writeSync(1, `${number} ${statSync(`${file}-wal`).size}\n`);
}
