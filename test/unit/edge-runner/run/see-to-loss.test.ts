import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import type { Image } from '../../../../src/edge-runner/cri/image-messages.ts';
import { PulledImages } from '../../../../src/edge-runner/pod/pulled-images.ts';
import { seeToLoss } from '../../../../src/edge-runner/run/see-to-loss.ts';
import { lostPulls, noteLoss, wasLost } from '../../../../src/edge-runner/store/lost-store.ts';
import { openStore } from '../../../../src/edge-runner/store/open-store.ts';
import type { EdgeStore } from '../../../../src/edge-runner/store/edge-store.ts';
import { CopiedPulls, type PullStore } from '../../../../src/edge-runner/store/copied-pulls.ts';
import { RunnerError } from '../../../../src/edge-runner/errors.ts';
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
  return (await pulledAfter(store, storeFile)).mayUse(image, 'there', []);
}

async function pulledAfter(
  store: EdgeStore,
  storeFile: string,
  pulls: PullStore = store,
): Promise<PulledImages> {
  const pulled = new PulledImages(pulls);
  const checkpointDir = checkpointsOf(storeFile);
  await seeToLoss({ store, pulls, storeFile, checkpointDir, cri, pulled, log });
  return pulled;
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
  const pulled = await pulledAfter(store, file);
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

const secret = { uid: 'u', namespace: 'berlin', name: 'key', digest: 'd' };

/** A site's first start, at which a pod's Secret pulls one image, and no credentials another. */
async function pullTwo(file: string, owner = 'spiffe://test/a'): Promise<void> {
  const store = openStore(file, { sealer: makeSealer(), log });
  const pulled = await pulledAfter(store, file, copied(store, file, owner));
  for (const [name, with_] of [
    ['private', secret],
    ['public', undefined],
  ] as const) {
    pulled.began(`r.test/${name}:1`);
    pulled.succeeded(`r.test/${name}:1`, name, with_);
  }
  pulled.began('r.test/half:1');
  store.close();
}

function copied(store: EdgeStore, file: string, owner: string, seed = 1): CopiedPulls {
  return new CopiedPulls(file, { sealer: makeSealer(seed), owner }, store);
}

const unreadable = (file: string): void => {
  for (const end of ['-wal', '-shm']) rmSync(`${file}${end}`, { force: true });
  writeFileSync(file, 'no database, however long it may be');
};

for (const [what, lose] of Object.entries({
  'can not be read': unreadable,
  'was moved away': (file: string): void => {
    rmSync(file);
  },
})) {
  void t.test(`where the store ${what}, the same site's images are whose they were`, async (t) => {
    const file = temporaryFile(t);
    await pullTwo(file);
    lose(file);
    const store = open(t, file);
    const pulled = await pulledAfter(store, file, copied(store, file, 'spiffe://test/a'));
    t.ok(pulled.mayUse(image, 'there', []), 'one that was loaded by hand');
    t.ok(pulled.mayUse('r.test/public:1', 'public', []));
    t.ok(pulled.mayUse('r.test/private:1', 'private', [secret]));
    t.notOk(pulled.mayUse('r.test/private:1', 'private', []), 'and of nobody else');
    t.notOk(pulled.mayUse('r.test/half:1', 'half', []), 'a pull had broken off');
    t.same(new PulledImages(store).ids.sort(), ['private', 'public'], 'the store has it again');
    t.notOk(wasLost(file));
  });
}

for (const [what, owner, seed] of [
  ['tenant', 'spiffe://test/b', 1],
  ['key', 'spiffe://test/a', 2],
] as const) {
  void t.test(`for another ${what} nothing that is there is open`, async (t) => {
    const file = temporaryFile(t);
    await pullTwo(file);
    unreadable(file);
    const first = openStore(file, { sealer: makeSealer(seed), log });
    // A runner that ends here, before anything was seen to, must not make the next one trust.
    copied(first, file, owner, seed);
    const pulled = await pulledAfter(first, file, copied(first, file, owner, seed));
    t.notOk(pulled.mayUse(image, 'there', []));
    first.close();
    unreadable(file);
    const second = openStore(file, { sealer: makeSealer(seed), log });
    const after = await pulledAfter(second, file, copied(second, file, owner, seed));
    t.notOk(after.mayUse(image, 'there', []), 'nor after the next loss');
    second.close();
    unreadable(file);
    const back = open(t, file);
    const again = await pulledAfter(back, file, copied(back, file, 'spiffe://test/a'));
    t.notOk(again.mayUse(image, 'there', []), 'nor for the first when it is back');
  });
}

void t.test('a pull that can not be copied is not begun', async (t) => {
  const file = temporaryFile(t);
  const store = open(t, file);
  const pulled = await pulledAfter(store, file, copied(store, file, 'spiffe://test/a'));
  mkdirSync(`${file}.pulls.new`);
  t.throws(() => {
    pulled.began(image);
  }, RunnerError);
  t.same(store.imagePulls(), []);
});
