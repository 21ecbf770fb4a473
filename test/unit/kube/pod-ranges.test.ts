import t from 'tap';
import type { Node } from '../../../src/kube/api.ts';
import { podRangesOf } from '../../../src/kube/pod-ranges.ts';

const of = (spec: unknown): string[] => podRangesOf({ spec } as Pick<Node, 'spec'>);

void t.test('all of a Node, or the one that an older cluster gives', (t) => {
  t.same(of({ podCIDR: '10.1.0.0/24', podCIDRs: ['10.1.0.0/24', 'fd00::/64'] }), [
    ...['10.1.0.0/24', 'fd00::/64'],
  ]);
  t.same(of({ podCIDR: '10.1.0.0/24' }), ['10.1.0.0/24']);
  for (const none of [undefined, {}, { podCIDR: '' }, { podCIDR: '', podCIDRs: [] }]) {
    t.same(of(none), []);
  }
  t.end();
});

void t.test('nothing of another form', (t) => {
  for (const other of [null, 7, 'x', { podCIDRs: null }, { podCIDRs: '10.1.0.0/24' }]) {
    t.same(of(other), [], JSON.stringify(other));
  }
  t.same(of({ podCIDR: null, podCIDRs: {} }), []);
  t.same(of({ podCIDRs: [null, 7, ['10.1.0.0/24'], '10.2.0.0/24'] }), ['10.2.0.0/24']);
  t.same(of({ podCIDR: '10.1.0.0/24', podCIDRs: null }), ['10.1.0.0/24']);
  t.end();
});
