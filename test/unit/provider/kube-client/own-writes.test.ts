import t from 'tap';
import type { KubernetesObject } from '../../../../src/kube/api.ts';
import { OwnWrites } from '../../../../src/provider/kube-client/own-writes.ts';
import { CacheFake } from '../desired/desired-fixture.ts';

function node(resourceVersion: number, uid = 'u'): KubernetesObject {
  return { metadata: { name: 'a', uid, resourceVersion: String(resourceVersion) } };
}

function scene(): { cache: CacheFake<KubernetesObject>; writes: OwnWrites<KubernetesObject> } {
  const cache = new CacheFake<KubernetesObject>();
  return { cache, writes: new OwnWrites(cache) };
}

void t.test('the answer to a write counts until something newer is seen', (t) => {
  const { cache, writes } = scene();
  cache.set(node(9));
  writes.note(node(10));
  t.same(writes.newest(undefined, 'a'), node(10));
  cache.set(node(9));
  t.same(writes.newest(undefined, 'a'), node(10), 'an event of before the write');
  cache.set(node(11));
  t.same(writes.newest(undefined, 'a'), node(11));
  writes.note(node(10));
  t.same(writes.newest(undefined, 'a'), node(11), 'an answer that comes late');
  t.end();
});

void t.test('what was created is there before it is seen', (t) => {
  const { writes } = scene();
  writes.note(node(1));
  t.same(writes.newest(undefined, 'a'), node(1));
  writes.forget(undefined, 'a');
  t.equal(writes.newest(undefined, 'a'), undefined);
  t.end();
});

void t.test('what is deleted or replaced is not there any more', (t) => {
  const { cache, writes } = scene();
  cache.set(node(1));
  writes.note(node(2));
  cache.set(node(1, 'other'));
  t.same(writes.newest(undefined, 'a'), node(1, 'other'));
  writes.note(node(3, 'other'));
  cache.delete(node(3, 'other'));
  t.equal(writes.newest(undefined, 'a'), undefined);
  t.end();
});

void t.test('a list that came after the answer counts, whatever its versions are', (t) => {
  const { cache, writes } = scene();
  cache.set(node(499));
  writes.note(node(500));
  cache.lists += 1;
  cache.set(node(30));
  t.same(writes.newest(undefined, 'a'), node(30), 'a store of an older backup');
  writes.note(node(31));
  t.same(writes.newest(undefined, 'a'), node(31));
  t.end();
});
