import { setImmediate } from 'node:timers/promises';
import t from 'tap';
import type { CriClient } from '../../../../src/edge-runner/cri/cri-client.ts';
import { ImagePuller } from '../../../../src/edge-runner/pod/image-puller.ts';
import type { Container, Secret } from '../../../../src/kube/api.ts';
import { PulledImages } from '../../../../src/edge-runner/pod/pulled-images.ts';
import { FakeStore } from '../report/fake-store.ts';
import { criError, FakeRuntime } from './fake-runtime.ts';
import { makePod } from './make-observed.ts';

function bench(): {
  runtime: FakeRuntime;
  reasons: string[];
  ensure: (container: Partial<Container>, more?: object) => Promise<unknown>;
} {
  const runtime = new FakeRuntime();
  const reasons: string[] = [];
  const puller = makePuller(runtime.cri);
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
    message: 'rpc error: code = NotFound desc = missing:1: not found',
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
    const puller = makePuller({ imageStatus: () => Promise.reject(away) } as never);
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
      return Promise.reject(criError('UNKNOWN', `not ${auth?.username}`));
    },
  };
  const auths = { 'r.test': { username: 'a' }, 'r.test/x': { username: 'b' } };
  const data = { '.dockerconfigjson': Buffer.from(JSON.stringify({ auths })).toString('base64') };
  const puller = makePuller(cri as never);
  const pulled = puller.ensure({
    ...{ pod: makePod(), container: { name: 'web', image: 'r.test/x:1' } },
    ...{ secrets: [{ metadata: { name: 'key' }, data }], events: { record: () => undefined } },
    signal: new AbortController().signal,
  });
  t.match(await problem(pulled), { reason: 'ErrImagePull', message: '[not b, not a]' });
  t.same(tried, ['b', 'a']);
});

void t.test(
  'an image that was pulled with a Secret is only for pods that can pull it',
  async (t) => {
    const { runtime, reasons, ensure } = bench();
    const image = 'r.test/private:1';
    await ensure({ image }, { secrets: [key('uid-1', 'right')] });
    runtime.calls.length = 0;
    await ensure({ image }, { secrets: [key('uid-1', 'right')] });
    await ensure({ image }, { secrets: [key('uid-2', 'right')] });
    await ensure({ image }, { secrets: [key('uid-1', 'replaced')] });
    t.same(runtime.calls, [], 'the Secret, or the same credentials, open it');
    t.match(await problem(ensure({ image, imagePullPolicy: 'Never' })), {
      reason: 'ErrImageNeverPull',
      message: `Container image "${image}" is not present with pull policy of Never`,
    });
    reasons.length = 0;
    await ensure({ image }, { secrets: [key('uid-3', 'other')] });
    t.same(runtime.calls, ['pull'], 'another asks the registry');
    t.same(reasons, ['Pulling', 'Pulled']);
  },
);

void t.test('pulls under way are bounded, and the wait is told', async (t) => {
  let nowMs = 0;
  const runtime = new FakeRuntime();
  const options = { cri: runtime.cri, maxParallelPulls: 1, nowMs: () => nowMs };
  const puller = new ImagePuller({ ...options, pulled: new PulledImages(new FakeStore()) });
  const messages: string[] = [];
  const ensure = (image: string): Promise<unknown> =>
    puller.ensure({
      ...{ pod: makePod(), container: { name: 'web', image }, secrets: [] },
      events: { record: (_type, _reason, message) => messages.push(message) },
      signal: new AbortController().signal,
    });
  const gate = Promise.withResolvers<undefined>();
  runtime.gates.set('pull', gate.promise.then());
  const both = [ensure('a:1'), ensure('b:1')];
  while (runtime.calls.length === 0) await setImmediate();
  nowMs = 1500;
  t.same(runtime.calls, ['pull']);
  gate.resolve(undefined);
  await both[0];
  await both[1];
  t.same(messages.slice(0, 2), ['Pulling image "a:1"', 'Pulling image "b:1"']);
  const size = 'Image size: 1 bytes.';
  t.same(messages.slice(2), [
    `Successfully pulled image "a:1" in 1.5s (1.5s including waiting). ${size}`,
    `Successfully pulled image "b:1" in 0s (1.5s including waiting). ${size}`,
  ]);
});

function makePuller(cri: CriClient): ImagePuller {
  const pulled = new PulledImages(new FakeStore());
  return new ImagePuller({ cri, pulled, maxParallelPulls: 2, nowMs: () => 0 });
}

function key(uid: string, password: string): Secret {
  const auths = { 'r.test': { username: 'u', password } };
  const data = { '.dockerconfigjson': Buffer.from(JSON.stringify({ auths })).toString('base64') };
  return { metadata: { name: 'key', namespace: 'berlin', uid }, data };
}

/** What a promise is rejected with. */
async function problem(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'no problem',
    (error: unknown) => error,
  );
}
