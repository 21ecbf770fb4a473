import { writeFileSync } from 'node:fs';
import t from 'tap';
import type { CriClient } from '../../../../src/edge-runner/cri/cri-client.ts';
import { knownPulls } from '../../../../src/edge-runner/store/known-pulls.ts';
import { SqliteStore } from '../../../../src/edge-runner/store/sqlite-store.ts';
import { removeImages } from '../../../../src/edge-runner/wipe/remove-images.ts';
import { makeSealer, temporaryFile } from '../store/fixture.ts';

void t.test('which images were pulled is known without the store’s key', (t) => {
  const file = temporaryFile(t);
  t.equal(knownPulls(file), undefined, 'there is no store');
  const store = new SqliteStore(file, { sealer: makeSealer() });
  const access = { 'r.test/app': { everyone: true, secrets: [] } };
  store.changeImagePulls([{ key: 'sha256:1', access }], []);
  store.changeImagePulls([{ key: 'pulling r.test/app:2', access: {} }], []);
  store.close();
  t.same(knownPulls(file), ['pulling r.test/app:2', 'sha256:1']);
  writeFileSync(file, 'no database, however long it may be');
  t.equal(knownPulls(file), undefined);
  t.end();
});

void t.test('those that nobody else uses are removed', async (t) => {
  const removed: (string | undefined)[] = [];
  const cri = {
    listImages: () => Promise.resolve({ images: [{ id: 'a' }, { id: 'b' }, { id: 'preloaded' }] }),
    listContainers: () => Promise.resolve({ containers: [{ imageRef: 'b' }] }),
    removeImage: ({ image }: { image?: { image?: string } }) => {
      removed.push(image?.image);
      return Promise.resolve({});
    },
  } as unknown as CriClient;
  t.equal(await removeImages(cri, ['a', 'b', 'gone']), 1);
  t.same(removed, ['a']);
});
