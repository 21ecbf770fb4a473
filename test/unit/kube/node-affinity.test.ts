import t from 'tap';
import type { NodeSelectorTerm, PodSpec } from '../../../src/kube/api.ts';
import { matchesNode } from '../../../src/kube/node-affinity.ts';

const node = { name: 'berlin.acme', labels: { zone: 'a', cores: '4' } };

function required(...nodeSelectorTerms: NodeSelectorTerm[]): PodSpec {
  const nodeAffinity = {
    requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms },
  };
  return { containers: [], affinity: { nodeAffinity } };
}

function expression(key: string, operator: string, ...values: string[]): NodeSelectorTerm {
  return { matchExpressions: [{ key, operator, values }] };
}

void t.test('labels that a pod selects', (t) => {
  const selects = (nodeSelector: Record<string, string>): boolean =>
    matchesNode({ containers: [], nodeSelector }, node);
  t.equal(selects({}), true);
  t.equal(selects({ zone: 'a' }), true);
  t.equal(selects({ zone: 'b' }), false);
  t.equal(selects({ zone: 'a', disk: 'fast' }), false);
  t.end();
});

void t.test('every operator', (t) => {
  const cases: [NodeSelectorTerm, boolean][] = [
    [expression('zone', 'In', 'b', 'a'), true],
    [expression('zone', 'In', 'b'), false],
    [expression('zone', 'NotIn', 'b'), true],
    [expression('disk', 'NotIn', 'b'), true],
    [expression('zone', 'Exists'), true],
    [expression('disk', 'Exists'), false],
    [expression('disk', 'DoesNotExist'), true],
    [expression('cores', 'Gt', '3'), true],
    [expression('cores', 'Gt', '4'), false],
    [expression('cores', 'Lt', '5'), true],
    [expression('disk', 'Lt', '5'), false],
    [expression('constructor', 'Exists'), false],
    [expression('zone', 'Like', 'a'), false],
    [{}, false],
    [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [node.name] }] }, true],
    [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['other'] }] }, false],
  ];
  for (const [term, expected] of cases) {
    t.equal(matchesNode(required(term), node), expected, JSON.stringify(term));
  }
  t.end();
});

void t.test('one term is enough, and all of it', (t) => {
  const no = expression('zone', 'In', 'b');
  const yes = expression('zone', 'In', 'a');
  t.equal(matchesNode(required(no, yes), node), true);
  const both = { matchExpressions: [no, yes].flatMap((each) => each.matchExpressions ?? []) };
  t.equal(matchesNode(required(both), node), false);
  t.end();
});
