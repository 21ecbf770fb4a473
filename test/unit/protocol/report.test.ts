import t from 'tap';
import { maxFactLength, maxFacts } from '../../../src/protocol/limits.ts';
import { parseMessage } from '../../../src/protocol/parse.ts';
import { type NodeReport, reportFromRunner } from '../../../src/protocol/report.ts';
import { goodNode } from '../../integration/provider/hand-made-runner.ts';

function parse(changes: object): unknown {
  return parseMessage(reportFromRunner, { type: 'node', id: 1, node: { ...goodNode, ...changes } });
}

void t.test('facts of a device are taken as they are', (t) => {
  const message = { type: 'node', id: 1, node: goodNode };
  t.same(parseMessage(reportFromRunner, message), message);
  t.ok(parse({ addresses: ['10.0.0.1', '2001:db8::1'] }));
  const runtimeHandlers = [{ name: '', recursiveReadOnlyMounts: true, userNamespaces: false }];
  const runtimeFeatures = { supplementalGroupsPolicy: true };
  t.match(parse({ runtimeHandlers, runtimeFeatures }), {
    node: { runtimeHandlers, runtimeFeatures },
  });
  t.end();
});

void t.test('but not without bounds, nor with commands for a terminal', (t) => {
  const condition: NodeReport['conditions'][number] = {
    ...{ type: 'Ready', status: 'True', reason: 'R', message: '' },
  };
  const handler = { name: '', recursiveReadOnlyMounts: true, userNamespaces: true };
  const many = Array.from({ length: maxFacts + 1 }, (_, n) => n);
  for (const changes of [
    { hostname: 'x'.repeat(maxFactLength + 1) },
    { hostname: '\u001b[2J' },
    { runnerVersion: '1\n2' },
    { features: ['not a name'] },
    { features: Array.from({ length: 65 }, () => 'Feature') },
    { runtimeHandlers: many.map((n) => ({ ...handler, name: `handler-${n}` })) },
    { runtimeHandlers: [{ ...handler, name: 'a\nb' }] },
    { runtimeHandlers: [{ ...handler, userNamespaces: 'yes' }] },
    { runtimeFeatures: { supplementalGroupsPolicy: 'yes' } },
    { nodeInfo: { ...goodNode.nodeInfo, osImage: '\u009b31m' } },
    { addresses: ['example.com'] },
    { addresses: ['\u001b[2J'] },
    { addresses: many.map((n) => `10.0.0.${n}`) },
    { conditions: [{ ...condition, message: 'x'.repeat(40_000) }] },
    { conditions: many.map((n) => ({ ...condition, type: `T${n}` })) },
    { capacity: { cpu: '1'.repeat(maxFactLength + 1) } },
    { capacity: Object.fromEntries(many.map((n) => [`example.com/${n}`, '1'])) },
    { allocatable: { 'cpu\r\n': '1' } },
  ]) {
    t.throws(
      () => parse(changes),
      { code: 'INVALID_MESSAGE' },
      JSON.stringify(changes).slice(0, 60),
    );
  }
  t.end();
});
