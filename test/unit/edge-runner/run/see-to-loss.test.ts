import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import type { Image } from '../../../../src/edge-runner/cri/image-messages.ts';
import { PulledImages } from '../../../../src/edge-runner/pod/pulled-images.ts';
import { seeToLoss } from '../../../../src/edge-runner/run/see-to-loss.ts';
import { lostPulls, noteLoss, wasLost } from '../../../../src/edge-runner/store/lost-store.ts';
import { openStore } from '../../../../src/edge-runner/store/open-store.ts';
import type { SqliteStore } from '../../../../src/edge-runner/store/sqlite-store.ts';
import { FakeStore } from '../report/fake-store.ts';
import { makeSealer, temporaryFile } from '../store/fixture.ts';

const image = 'r.test/app:1';
const cri = { listImages: () => Promise.resolve({ images: [{ id: 'there' } as Image] }) };
const log = { warn: () => undefined, error: () => undefined };

function open(t: Test, storeFile: string, seed = 1): SqliteStore {
  const store = openStore(storeFile, {
    ...{ sealer: makeSealer(seed), log: { error: () => undefined } },
  });
  t.teardown(() => {
    store.close();
  });
  return store;
}

function checkpointsOf(storeFile: string): string {
  return join(dirname(storeFile), 'checkpoints');
}

async function mayUse(store: SqliteStore, storeFile: string): Promise<boolean> {
  const pulled = new PulledImages(store);
  await seeToLoss({ store, storeFile, checkpointDir: checkpointsOf(storeFile), cri, pulled, log });
  return pulled.mayUse(image, 'there', []);
}

void t.test('the images of a new device are open', async (t) => {
  const file = temporaryFile(t);
  mkdirSync(checkpointsOf(file));
  t.ok(await mayUse(open(t, file), file));
  t.ok(existsSync(checkpointsOf(file)), 'and its checkpoints its own');
});

const losses: Record<string, (file: string) => number> = {
  'a damaged store': (file) => {
    writeFileSync(file, 'no database, however long it may be');
    return 1;
  },
  'the store of another identity': (file) => {
    const store = openStore(file, { sealer: makeSealer(1), log: { error: () => undefined } });
    store.changeImagePulls([{ key: 'there', access: {} }], []);
    store.close();
    return 2;
  },
  'a wipe': (file) => {
    noteLoss(file, ['there']);
    return 1;
  },
};

for (const [what, lose] of Object.entries(losses)) {
  void t.test(`after ${what} the images that are there have to be pulled`, async (t) => {
    const file = temporaryFile(t);
    mkdirSync(checkpointsOf(file));
    writeFileSync(join(checkpointsOf(file), 'checkpoint.tar'), 'memory');
    const seed = lose(file);
    const first = open(t, file, seed);
    t.notOk(await mayUse(first, file));
    t.notOk(existsSync(checkpointsOf(file)), 'whose checkpoints they are is not known');
    t.notOk(wasLost(file), 'the new store knows');
    t.notOk(await mayUse(first, file), 'for good');
  });
}

void t.test('a store that takes nothing leaves it to the next start', async (t) => {
  const file = temporaryFile(t);
  noteLoss(file, undefined);
  const store = new FakeStore();
  store.isFull = true;
  const pulled = new PulledImages(store);
  await seeToLoss({ store, storeFile: file, checkpointDir: checkpointsOf(file), cri, pulled, log });
  t.notOk(pulled.mayUse(image, 'there', []));
  t.ok(wasLost(file));
  t.notOk(existsSync(file));
});

void t.test('where the lost store tells what was pulled, the rest stays open', async (t) => {
  const file = temporaryFile(t);
  const before = openStore(file, { sealer: makeSealer(1), log: { error: () => undefined } });
  before.changeImagePulls([{ key: 'pulling r.test/half:1', access: {} }], []);
  before.close();
  const store = open(t, file, 2);
  t.ok(await mayUse(store, file), 'it came with the device');
  t.notOk(new PulledImages(store).mayUse('r.test/half:1', 'half', []), 'a pull had broken off');
});

void t.test('losses that nobody has seen to add up', (t) => {
  const file = temporaryFile(t);
  noteLoss(file, ['a']);
  noteLoss(file, ['b']);
  t.same(lostPulls(file), ['a', 'b']);
  noteLoss(file, undefined);
  noteLoss(file, ['c']);
  t.equal(lostPulls(file), undefined, 'nobody knows');
  t.end();
});
