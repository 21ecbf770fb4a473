import t from 'tap';
import { objectVersion } from '../../../../src/protocol/digest.ts';
import type { DesiredObject } from '../../../../src/protocol/sync.ts';
import { PastVersions } from '../../../../src/provider/desired/past-versions.ts';
import { objectKey, planDelta } from '../../../../src/provider/desired/plan-delta.ts';
import { DesiredState } from '../../../../src/edge-runner/sync/desired-state.ts';
import { FakeStore } from '../../edge-runner/report/fake-store.ts';
import { Random } from '../../../fuzz/random.ts';

const random = new Random(3);
const content = Object.fromEntries(
  Array.from({ length: 64 }, (_, i) => [`key-${i}`, random.bytes(12_288).toString('base64')]),
);

function configMap(
  changes: Record<string, string>,
  kind: DesiredObject['kind'] = 'ConfigMap',
): DesiredObject {
  const identity = { namespace: 'n', name: 'conf', uid: 'uid-conf' };
  const object = { metadata: identity, data: { ...content, ...changes } };
  return { kind, ...identity, version: objectVersion(object), object };
}

const limits = { maxMessageBytes: 4 * 1024 * 1024, maxDeltaBytes: 64 * 1024 * 1024 };

/** The delta from one object to another, by a provider that knows `past`. */
function delta(
  past: PastVersions,
  before: DesiredObject,
  after: DesiredObject,
): ReturnType<typeof planDelta> {
  const wanted = {
    objects: new Map([[objectKey(after), after]]),
    ends: new Map(),
    unknown: new Set<string>(),
    kinds: new Set(['ConfigMap']),
  };
  const held = new Map([[objectKey(before), before]]);
  return planDelta(held, wanted, limits, (from, to) => past.patch(from, to));
}

void t.test('a changed key in a ConfigMap of 1 MiB goes out as some hundred bytes', (t) => {
  const [before, after] = [configMap({}), configMap({ 'key-7': 'changed' })];
  const past = new PastVersions();
  past.remember(before);
  const { messages, digest } = delta(past, before, after);
  const bytes = JSON.stringify(messages).length;
  t.comment(`${JSON.stringify(before).length} bytes, and ${bytes} for the change`);
  t.ok(JSON.stringify(before).length > 1024 * 1024);
  t.ok(bytes < 2_000, `${bytes} bytes`);
  const state = new DesiredState(new FakeStore());
  state.apply({ put: [before], remove: [] });
  for (const message of messages) state.apply({ ...message, digest });
  t.match(state.configMap('n', 'conf'), after.object);
  t.end();
});

void t.test('whatever is not known any more goes whole', (t) => {
  const [before, after] = [configMap({}), configMap({ 'key-7': 'changed' })];
  t.match(delta(new PastVersions(), before, after).messages, [{ put: [after], patch: undefined }]);
  t.end();
});

void t.test('so does what was made anew under its name, what is small, and every Secret', (t) => {
  const past = new PastVersions();
  const [before, after] = [configMap({}), configMap({ 'key-7': 'changed' })];
  past.remember(before);
  const anew = { ...after, uid: 'uid-2' };
  t.match(delta(past, before, anew).messages, [{ put: [anew] }]);
  const [secret, changed] = [configMap({}, 'Secret'), configMap({ a: 'b' }, 'Secret')];
  past.remember(secret);
  t.match(delta(past, secret, changed).messages, [{ put: [changed] }]);
  const small = {
    ...before,
    version: 's',
    object: { metadata: { name: 'conf' }, data: { a: 'b' } },
  };
  past.remember(small);
  t.match(delta(past, small, after).messages, [{ put: [after] }]);
  const other = { ...before, object: { ...before.object, data: { all: 'new' } }, version: 'o' };
  t.match(delta(past, before, other).messages, [{ put: [other] }], 'a patch that saves nothing');
  t.end();
});
