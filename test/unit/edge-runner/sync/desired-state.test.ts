import t from 'tap';
import { DesiredState } from '../../../../src/edge-runner/sync/desired-state.ts';
import { digestOf } from '../../../../src/protocol/digest.ts';
import type { DesiredObject } from '../../../../src/protocol/sync.ts';
import { FakeStore } from '../report/fake-store.ts';

function object(kind: DesiredObject['kind'], name: string, version = '1'): DesiredObject {
  const fields = { data: { version } };
  return {
    ...{ kind, namespace: 'berlin', name, uid: `uid-${name}`, version },
    object: { metadata: { name }, ...fields },
  };
}

void t.test('a delta is in the store and in memory', (t) => {
  const store = new FakeStore();
  const state = new DesiredState(store);
  state.apply({ put: [object('Pod', 'a'), object('ConfigMap', 'conf')], remove: [] });
  t.match(state.configMap('berlin', 'conf'), { data: { version: '1' } });
  t.equal(state.secret('berlin', 'conf'), undefined);
  const again = new DesiredState(store);
  t.equal(again.digest(), state.digest());
  t.same(again.pods(), state.pods());
  state.apply({ put: [], remove: [{ kind: 'Pod', namespace: 'berlin', name: 'a' }] });
  t.same(state.pods(), []);
  t.end();
});

void t.test('a delta that does not lead where it says changes nothing', (t) => {
  const store = new FakeStore();
  const state = new DesiredState(store);
  const put = [object('Pod', 'a')];
  t.throws(
    () => {
      state.apply({ put, remove: [], digest: 'wrong' });
    },
    { code: 'INVALID_MESSAGE' },
  );
  t.equal(store.writes, 0);
  t.same(state.pods(), []);
  state.apply({ put, remove: [], digest: digestOf(put) });
  t.equal(state.pods().length, 1);
  t.end();
});

void t.test('a full disk leaves the old state in force', (t) => {
  const store = new FakeStore();
  const state = new DesiredState(store);
  state.apply({ put: [object('Pod', 'a')], remove: [] });
  const digest = state.digest();
  store.isFull = true;
  t.throws(
    () => {
      state.apply({ put: [object('Pod', 'b')], remove: [] });
    },
    { code: 'STORE_FAILED' },
  );
  t.equal(state.digest(), digest);
  t.equal(state.pods().length, 1);
  t.end();
});

void t.test('an object is the one that it was announced as', (t) => {
  const state = new DesiredState(new FakeStore());
  const odd = { ...object('Pod', 'a'), object: { metadata: { name: '../b', uid: 'other' } } };
  state.apply({ put: [odd], remove: [] });
  t.match(state.pods(), [{ metadata: { namespace: 'berlin', name: 'a', uid: 'uid-a' } }]);
  t.end();
});

void t.test('how a pod ended stands, for it is said only when the pod is new here', (t) => {
  const store = new FakeStore();
  const state = new DesiredState(store);
  const pod = object('Pod', 'a');
  const status = { phase: 'Failed' };
  const over = { ...pod, object: { ...pod.object, status } };
  state.apply({ put: [over], remove: [], digest: digestOf([pod]) });
  const changed = object('Pod', 'a', '2');
  state.apply({ put: [changed], remove: [], digest: digestOf([changed]) });
  t.match(state.pods(), [{ status, data: { version: '2' } }]);
  t.match(new DesiredState(store).pods(), [{ status }], 'also on disk');
  state.apply({ put: [{ ...changed, uid: 'another' }], remove: [] });
  t.equal(state.pods()[0]?.status, undefined, 'a pod of another uid is another pod');
  t.end();
});

void t.test('a pod that did not change stays the same object', (t) => {
  const state = new DesiredState(new FakeStore());
  state.apply({ put: [object('Pod', 'a')], remove: [] });
  const [before] = state.pods();
  state.apply({ put: [object('ConfigMap', 'conf')], remove: [] });
  t.equal(state.pods()[0], before);
  t.end();
});
