import t from 'tap';
import { maxPullSecrets } from '../../../../src/edge-runner/limits.ts';
import type { SecretIdentity } from '../../../../src/edge-runner/pod/image-credentials.ts';
import { PulledImages } from '../../../../src/edge-runner/pod/pulled-images.ts';
import { FakeStore } from '../report/fake-store.ts';

const image = 'r.test/app:1';

function secret(name: string, digest: string): SecretIdentity {
  return { uid: `uid-${name}`, namespace: 'berlin', name, digest };
}

void t.test('an image that nobody pulled is for all', (t) => {
  t.ok(new PulledImages(new FakeStore()).mayUse(image, 'id', []));
  t.end();
});

void t.test('one that needed no credentials is for all, under the name that was pulled', (t) => {
  const pulled = new PulledImages(new FakeStore());
  pulled.began(image);
  pulled.succeeded(image, 'id', undefined);
  t.ok(pulled.mayUse('r.test/app:2', 'id', []), 'whatever its tag');
  t.notOk(pulled.mayUse('other.test/app:1', 'id', []), 'another registry may say no');
  t.end();
});

void t.test('what is known survives a restart, and so does that a pull broke off', (t) => {
  const store = new FakeStore();
  const before = new PulledImages(store);
  before.began(image);
  t.notOk(new PulledImages(store).mayUse(image, 'id', []), 'it may have been pulled by anybody');
  before.succeeded(image, 'id', secret('a', '1'));
  const after = new PulledImages(store);
  t.notOk(after.mayUse(image, 'id', []));
  t.ok(after.mayUse(image, 'id', [secret('x', '9'), secret('a', '1')]));
  t.end();
});

void t.test(
  'credentials that replace those of a Secret are remembered, and then known elsewhere',
  (t) => {
    const pulled = new PulledImages(new FakeStore());
    pulled.began(image);
    pulled.succeeded(image, 'id', secret('a', '1'));
    t.notOk(pulled.mayUse(image, 'id', [secret('b', '2')]));
    t.ok(pulled.mayUse(image, 'id', [secret('a', '2')]));
    t.ok(pulled.mayUse(image, 'id', [secret('b', '2')]));
    t.notOk(pulled.mayUse(image, 'id', [secret('c', '1')]), 'those before are no longer');
    t.end();
  },
);

void t.test('a failed pull leaves nothing, but for another that is under way', (t) => {
  const store = new FakeStore();
  const pulled = new PulledImages(store);
  pulled.began(image);
  pulled.began(image);
  pulled.failed(image);
  t.notOk(pulled.mayUse(image, 'id', []));
  pulled.failed(image);
  t.ok(pulled.mayUse(image, 'id', []));
  t.same([...store.pulls], []);
  t.end();
});

void t.test('Secrets are bounded', (t) => {
  const store = new FakeStore();
  const pulled = new PulledImages(store);
  for (let n = 0; n < maxPullSecrets + 5; n += 1) {
    pulled.began(image);
    pulled.succeeded(image, 'id', secret(`s${n}`, String(n)));
  }
  t.equal(store.pulls.get('id')?.access['r.test/app']?.secrets.length, maxPullSecrets);
  t.end();
});

void t.test('a store that fails keeps no pod from an image that it may use', (t) => {
  const store = new FakeStore();
  const pulled = new PulledImages(store);
  pulled.began(image);
  pulled.succeeded(image, 'id', secret('a', '1'));
  store.isFull = true;
  t.ok(pulled.mayUse(image, 'id', [secret('a', '2')]));
  t.throws(
    () => {
      pulled.began('r.test/other:1');
    },
    { code: 'STORE_FAILED' },
  );
  t.end();
});

void t.test('what nobody knows any more has to be pulled, also after a restart', (t) => {
  const store = new FakeStore();
  const pulled = new PulledImages(store);
  pulled.began(image);
  pulled.succeeded(image, 'known', undefined);
  t.ok(pulled.requireProof(['known', 'lost']));
  t.ok(pulled.mayUse(image, 'known', []), 'a record stays');
  for (const each of [pulled, new PulledImages(store)]) {
    t.notOk(each.mayUse(image, 'lost', [secret('a', '1')]));
    t.ok(each.mayUse(image, 'new', []), 'what is brought later is open');
  }
  pulled.began(image);
  pulled.succeeded(image, 'lost', secret('a', '1'));
  t.ok(pulled.mayUse(image, 'lost', [secret('a', '1')]));
  t.end();
});

void t.test('a store that fails opens no image, and is told', (t) => {
  const store = new FakeStore();
  store.isFull = true;
  const pulled = new PulledImages(store);
  t.notOk(pulled.requireProof(['lost']));
  t.notOk(pulled.mayUse(image, 'lost', []));
  t.end();
});
