import t from 'tap';
import { digestOf } from '../../../../src/protocol/digest.ts';
import type { DesiredObject } from '../../../../src/protocol/sync.ts';
import {
  heldAll,
  objectKey,
  planDelta,
  wantedDigest,
  type WantedObjects,
} from '../../../../src/provider/desired/plan-delta.ts';

const limits = { maxMessageBytes: 4096, maxDeltaBytes: 65_536 };

function object(name: string, version = '1', bytes = 0): DesiredObject {
  return {
    ...{ kind: 'ConfigMap', namespace: 'n', name, uid: `${name}-uid`, version },
    object: { metadata: { name }, data: { text: 'x'.repeat(bytes) } },
  };
}

function wanted(objects: DesiredObject[], unknown: string[] = []): WantedObjects {
  return {
    objects: new Map(objects.map((o) => [objectKey(o), o])),
    ends: new Map(),
    unknown: new Set(unknown),
    kinds: new Set(['ConfigMap']),
  };
}

void t.test('only what is new, changed or gone is in a delta', (t) => {
  const held = heldAll(wanted([object('same'), object('changed'), object('gone')]));
  const goal = wanted([object('same'), object('changed', '2'), object('new')]);
  const plan = planDelta(held, goal, limits);
  t.same(
    plan.messages[0]?.put.map(({ name }) => name),
    ['changed', 'new'],
  );
  t.same(plan.messages[0]?.remove, [{ kind: 'ConfigMap', namespace: 'n', name: 'gone' }]);
  t.equal(plan.messages.length, 1);
  t.equal(plan.digest, wantedDigest(goal));
  t.equal(plan.digest, digestOf(plan.after.values()));
  t.end();
});

void t.test('how a pod ended goes only to a site that does not hold it', (t) => {
  const pod = (version: string): DesiredObject => ({ ...object('a', version), kind: 'Pod' });
  const over = (version: string): WantedObjects => ({
    ...wanted([pod(version)]),
    ends: new Map([['Pod/n/a', { phase: 'Failed' }]]),
    kinds: new Set(['Pod']),
  });
  const running = wanted([pod('1')]);
  const fresh = planDelta(new Map(), over('1'), limits);
  t.match(fresh.messages[0]?.put, [{ version: '1', object: { status: { phase: 'Failed' } } }]);
  t.equal(fresh.digest, wantedDigest(running), 'and does not count in the digest');
  t.equal(
    planDelta(heldAll(running), over('1'), limits).empty,
    true,
    'alone it is no reason to send',
  );
  const changed = planDelta(heldAll(running), over('2'), limits);
  t.same(changed.messages[0]?.put, [pod('2')]);
  const other = new Map([['Pod/n/a', { ...pod('1'), uid: 'another' }]]);
  t.match(planDelta(other, over('1'), limits).messages[0]?.put, [{ object: { status: {} } }]);
  t.end();
});

void t.test('what a site holds of a kind that is not spoken of stays as it is', (t) => {
  const other = { ...object('later'), kind: 'FromTheFuture' };
  const held = heldAll(wanted([object('gone'), other]));
  const plan = planDelta(held, wanted([]), limits);
  t.same(plan.messages[0]?.remove, [{ kind: 'ConfigMap', namespace: 'n', name: 'gone' }]);
  t.equal(plan.digest, digestOf([other]), 'and counts in the digest');
  t.end();
});

void t.test('the same name with another uid is put again', (t) => {
  const held = heldAll(wanted([object('a')]));
  const plan = planDelta(held, wanted([{ ...object('a'), uid: 'other' }]), limits);
  t.equal(plan.messages[0]?.put.length, 1);
  t.end();
});

void t.test('nothing to do is an empty plan', (t) => {
  const goal = wanted([object('a')]);
  t.equal(planDelta(heldAll(goal), goal, limits).empty, true);
  t.end();
});

void t.test('what cannot be read is kept where it is held, and the digest is not known', (t) => {
  const goal = wanted([], ['ConfigMap/n/a']);
  const plan = planDelta(heldAll(wanted([object('a')])), goal, limits);
  t.equal(plan.empty, true);
  t.equal(plan.after.size, 1);
  t.equal(wantedDigest(goal), undefined);
  t.end();
});

void t.test('a large delta is cut into messages under the limit, the last one marked', (t) => {
  const goal = wanted(Array.from({ length: 10 }, (_, i) => object(`o${i}`, '1', 1000)));
  const plan = planDelta(new Map(), goal, limits);
  t.ok(plan.messages.length > 1);
  for (const message of plan.messages) {
    t.ok(Buffer.byteLength(JSON.stringify(message)) <= limits.maxMessageBytes);
  }
  t.same(
    plan.messages.map(({ more }) => more),
    [...Array<boolean>(plan.messages.length - 1).fill(true), false],
  );
  t.equal(plan.messages.flatMap(({ put }) => put).length, 10);
  t.end();
});

void t.test('what does not fit in one delta comes with the next', (t) => {
  const goal = wanted(Array.from({ length: 100 }, (_, i) => object(`o${i}`, '1', 1000)));
  let held = planDelta(new Map(), goal, limits);
  t.equal(held.partial, true);
  const says = ({ messages }: typeof held): boolean =>
    messages.every((message) => message.partial === true);
  t.ok(says(held), 'and the site hears that it is not all');
  let rounds = 1;
  while (held.partial) {
    held = planDelta(held.after, goal, limits);
    rounds += 1;
  }
  t.ok(rounds > 1);
  t.notOk(says(held), 'until it is');
  t.equal(held.digest, wantedDigest(goal));
  t.end();
});

void t.test('while a pod can not be read the site hears that it does not get all', (t) => {
  const partialOf = (unknown: string[]): boolean | undefined =>
    planDelta(new Map(), wanted([object('a')], unknown), limits).messages[0]?.partial;
  t.equal(partialOf(['Pod/n/malformed']), true, 'it may run the pod, and have forgotten it');
  t.equal(partialOf(['Secret/n/s']), undefined);
  t.end();
});

void t.test('an object over the message limit is left out and named', (t) => {
  const plan = planDelta(new Map(), wanted([object('big', '1', 5000), object('a')]), limits);
  t.same(
    plan.oversized.map(({ name }) => name),
    ['big'],
  );
  t.same([...plan.after.keys()], ['ConfigMap/n/a']);
  t.end();
});
