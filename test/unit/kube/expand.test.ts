import t from 'tap';
import { expandCommand } from '../../../src/kube/command.ts';
import { expandVariables } from '../../../src/kube/expand.ts';
import { container } from './pods.ts';

const values: Partial<Record<string, string>> = { A: 'a', B: '$(A)', EMPTY: '', 'with space': 'w' };
const cases: [text: string, expanded: string][] = [
  ['plain', 'plain'],
  ['$(A)', 'a'],
  ['x$(A)y$(A)', 'xaya'],
  ['$(B)', '$(A)'],
  ['[$(EMPTY)]', '[]'],
  ['$(with space)', 'w'],
  ['$(NONE)', '$(NONE)'],
  ['$$(A)', '$(A)'],
  ['$$$(A)', '$a'],
  ['$$$$(A)', '$$(A)'],
  ['$A', '$A'],
  ['$', '$'],
  ['a$', 'a$'],
  ['$$', '$'],
  ['$(A', '$(A'],
  ['$($$', '$($'],
  ['$()', '$()'],
  ['$(A$(A)', '$(A$(A)'],
  ['$(A))', 'a)'],
];

void t.test('references are expanded as in Kubernetes', (t) => {
  for (const [text, expanded] of cases) {
    t.equal(
      expandVariables(text, (name) => values[name]),
      expanded,
      text,
    );
  }
  t.end();
});

void t.test('command and args see the container’s environment', (t) => {
  const parts = container({ command: ['echo', '$(A)'], args: ['$(NONE)', '$$(A)'] });
  t.same(expandCommand(parts, [{ name: 'A', value: '1' }]), {
    command: ['echo', '1'],
    args: ['$(NONE)', '$(A)'],
  });
  t.same(expandCommand(container(), []), { command: [], args: [] });
  t.end();
});
