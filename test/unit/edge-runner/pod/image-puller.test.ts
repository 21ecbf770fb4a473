import t from 'tap';
import { ImagePuller } from '../../../../src/edge-runner/pod/image-puller.ts';
import type { Container, Secret } from '../../../../src/kube/api.ts';
import { criError, FakeRuntime } from './fake-runtime.ts';
import { makePod } from './make-observed.ts';

function bench(): {
  runtime: FakeRuntime;
  reasons: string[];
  ensure: (container: Partial<Container>, more?: object) => Promise<unknown>;
} {
  const runtime = new FakeRuntime();
  const reasons: string[] = [];
  const puller = new ImagePuller(runtime.cri, () => 0);
  const secrets: Secret[] = [];
  return {
    ...{ runtime, reasons },
    ensure: (container, more = {}) =>
      puller.ensure({
        ...{ pod: makePod(), container: { name: 'web', ...container }, secrets },
        events: { record: (_type, reason) => reasons.push(reason) },
        signal: new AbortController().signal,
        ...more,
      }),
  };
}

void t.test('an image that is there is pulled only when that is asked for', async (t) => {
  const { runtime, reasons, ensure } = bench();
  t.match(await ensure({ image: 'web:1' }), { id: 'sha256:web:1' });
  t.same(runtime.calls, []);
  t.same(reasons, ['Pulled']);
  await ensure({ image: 'web:1', imagePullPolicy: 'Always' });
  t.same(runtime.calls, ['pull']);
});

void t.test('an image that is not there is pulled unless that is forbidden', async (t) => {
  const { reasons, ensure } = bench();
  t.match(await ensure({ image: 'new:1' }), { id: 'sha256:new:1' });
  t.same(reasons, ['Pulling', 'Pulled']);
  t.match(await problem(ensure({ image: 'other:1', imagePullPolicy: 'Never' })), {
    reason: 'ErrImageNeverPull',
  });
});

void t.test('what cannot be pulled or named is a problem of the pod', async (t) => {
  const { reasons, ensure } = bench();
  t.match(await problem(ensure({ image: 'missing:1' })), {
    reason: 'ErrImagePull',
    message: 'missing:1: not found',
  });
  t.same(reasons, ['Pulling', 'Failed', 'Failed']);
  t.match(await problem(ensure({ image: 'UPPER:::x' })), { reason: 'InvalidImageName' });
});

void t.test(
  'a runtime that fails to look is told of; one that is away is not the pod’s fault',
  async (t) => {
    const { runtime, ensure } = bench();
    runtime.failure = 'INTERNAL';
    t.match(await problem(ensure({ image: 'web:1' })), { reason: 'ImageInspectError' });
    const away = criError('UNAVAILABLE', 'gone', false);
    const puller = new ImagePuller({ imageStatus: () => Promise.reject(away) } as never, () => 0);
    const request = {
      ...{ pod: makePod(), container: { name: 'web', image: 'web:1' }, secrets: [] },
      ...{ events: { record: () => undefined }, signal: new AbortController().signal },
    };
    t.match(await problem(puller.ensure(request)), { code: 'UNAVAILABLE' });
  },
);

void t.test('each matching credential is tried, in order', async (t) => {
  const tried: unknown[] = [];
  const cri = {
    imageStatus: () => Promise.resolve({}),
    pullImage: ({ auth }: { auth?: { username: string } }) => {
      tried.push(auth?.username);
      return Promise.reject(criError('PERMISSION_DENIED', 'no'));
    },
  };
  const auths = { 'r.test': { username: 'a' }, 'r.test/x': { username: 'b' } };
  const data = { '.dockerconfigjson': Buffer.from(JSON.stringify({ auths })).toString('base64') };
  const puller = new ImagePuller(cri as never, () => 0);
  const pulled = puller.ensure({
    ...{ pod: makePod(), container: { name: 'web', image: 'r.test/x:1' } },
    ...{ secrets: [{ metadata: { name: 'key' }, data }], events: { record: () => undefined } },
    signal: new AbortController().signal,
  });
  t.match(await problem(pulled), { reason: 'ErrImagePull' });
  t.same(tried, ['b', 'a']);
});

/** What a promise is rejected with. */
async function problem(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'no problem',
    (error: unknown) => error,
  );
}
