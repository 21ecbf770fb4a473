import t, { type Test } from 'tap';
import { waitFor } from '../../../../hack/lab/wait.ts';
import { PodManager } from '../../../../src/edge-runner/pod/pod-manager.ts';
import { DesiredPods } from '../../../../src/edge-runner/run/desired-pods.ts';
import { DesiredState } from '../../../../src/edge-runner/sync/desired-state.ts';
import type { Pod } from '../../../../src/kube/api.ts';
import type { DesiredObject } from '../../../../src/protocol/sync.ts';
import { FakeContext } from '../pod/fake-context.ts';
import { makePod } from '../pod/make-observed.ts';
import { FakeStore } from '../report/fake-store.ts';
import { turns } from '../../provider/desired/desired-fixture.ts';

interface Runner {
  state: DesiredState;
  desired: DesiredPods;
  warnings: unknown[];
  /** Whether a pod has been begun. */
  has: (podUid: string) => boolean;
  /** Applies what the cloud sent, and acts on it. */
  take: (put: DesiredObject[], options?: { partial: boolean }) => void;
  stop: () => Promise<void>;
}

async function start(
  t: Test,
  fake: FakeContext,
  store: FakeStore,
  followNetwork: () => Promise<void> | undefined = () => undefined,
): Promise<Runner> {
  const stop = new AbortController();
  const state = new DesiredState(store);
  const options = { context: fake.context, lastStatus: (): undefined => undefined };
  const pods = new PodManager(options, stop.signal);
  const warnings: unknown[] = [];
  const log = { info: (): undefined => undefined, warn: (line: unknown) => warnings.push(line) };
  const desired = new DesiredPods({
    ...{ state, pods, log, followNetwork, outbox: { podUids: () => [] } },
  });
  const end = async (): Promise<void> => {
    stop.abort();
    await desired.stopped();
    await pods.stopped();
  };
  t.teardown(end);
  await desired.start();
  const take: Runner['take'] = (put, { partial } = { partial: false }) => {
    state.apply({ put, remove: [], partial });
    desired.changed(put, stop.signal);
  };
  return { state, desired, warnings, has: (uid) => pods.has(uid), take, stop: end };
}

function pod(name: string, uid = `uid-${name}`): DesiredObject {
  const object: Pod = { ...makePod(), metadata: { name, namespace: 'berlin', uid } };
  return {
    ...{ kind: 'Pod', namespace: 'berlin', name, uid, version: uid },
    object: object as unknown as DesiredObject['object'],
  };
}

async function until(what: string, condition: () => boolean): Promise<void> {
  await waitFor(condition, { what, timeoutMs: 5_000, intervalMs: 2 });
}

/** Two pods run; then the runner stops and its store is lost. */
async function forgetful(t: Test): Promise<FakeContext> {
  const fake = new FakeContext();
  const runner = await start(t, fake, new FakeStore());
  runner.take([pod('a'), pod('b')]);
  await until('both to run', () => fake.runtime.running().length === 2);
  await runner.stop();
  return fake;
}

void t.test('without its store a runner stops nothing until the cloud has spoken', async (t) => {
  const fake = await forgetful(t);
  const runner = await start(t, fake, new FakeStore());
  runner.take([pod('c')], { partial: true });
  await until('the new pod to run', () => fake.runtime.running().length === 3);
  t.same(fake.runtime.graces, [], 'what it forgot is left alone');
  runner.take([pod('a')]);
  await until('what is not desired to end', () => fake.tornDown.includes('uid-b'));
  t.notOk(fake.tornDown.includes('uid-a'), 'what is desired has gone on');
  t.equal(fake.runtime.running().length, 2);
});

void t.test('what another pod has taken the name of ends also before', async (t) => {
  const fake = await forgetful(t);
  fake.runtime.obedient = false;
  const runner = await start(t, fake, new FakeStore());
  runner.take([pod('a', 'uid-new')], { partial: true });
  await until('the old one to be stopped', () => fake.runtime.graces.length === 1);
  t.notOk(
    fake.reports.some(({ uid }) => uid === 'uid-new'),
    'never two of one name',
  );
  fake.runtime.exit('web', 0);
  await until('the new one to run', () =>
    fake.reports.some(({ uid, status }) => uid === 'uid-new' && status['phase'] === 'Running'),
  );
  t.notOk(fake.tornDown.includes('uid-b'));
});

void t.test('a store that is complete says what is to end, without the cloud', async (t) => {
  const fake = await forgetful(t);
  const store = new FakeStore();
  store.applyDelta([pod('a')], [], true);
  await start(t, fake, store);
  await until('what is not desired to end', () => fake.tornDown.includes('uid-b'));
  t.equal(fake.runtime.running().length, 1);
});

void t.test(
  'which pods still end is known once the cloud has spoken, until they are gone',
  async (t) => {
    const fake = await forgetful(t);
    fake.runtime.obedient = false;
    const { state, desired, take } = await start(t, fake, new FakeStore());
    take([pod('c')], { partial: true });
    await until('the new pod to run', () => fake.runtime.running().length === 3);
    t.equal(desired.ending(), undefined, 'what else runs may be desired or not');
    take([pod('a')]);
    await until('what is not desired to be stopped', () => fake.runtime.graces.length === 1);
    t.same(desired.ending(), ['uid-b']);
    state.apply({ put: [], remove: [{ kind: 'Pod', namespace: 'berlin', name: 'a' }] });
    t.same(desired.ending()?.sort(), ['uid-a', 'uid-b'], 'also what nobody has begun to stop');
    fake.runtime.exit('web', 0);
    await until('one to be gone', () => fake.tornDown.includes('uid-b'));
    await until('it to be left out', () => desired.ending()?.length === 1);
  },
);

void t.test('pods wait for the pod network, and only while it changes', async (t) => {
  const fake = new FakeContext();
  let network: Promise<void> | undefined;
  const runner = await start(t, fake, new FakeStore(), () => network);
  runner.take([pod('first')]);
  await until('one to run', () => fake.runtime.running().length === 1);
  const ready = Promise.withResolvers<undefined>();
  network = ready.promise.then(() => undefined);
  runner.take([pod('a')]);
  runner.take([pod('b')]);
  await turns();
  t.notOk(runner.has('uid-a') || runner.has('uid-b'));
  network = undefined;
  ready.resolve(undefined);
  await until('both to run', () => fake.runtime.running().length === 3);
  runner.take([pod('c')]);
  t.ok(runner.has('uid-c'), 'at once');
});
