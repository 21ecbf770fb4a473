import t from 'tap';
import type { NodeStatus } from '../../../../src/kube/api.ts';
import { allNodeEvents, eventWrites } from '../../../../src/provider/limits.ts';
import { NodeAnnouncer } from '../../../../src/provider/node/node-announcer.ts';
import { nodeEvents } from '../../../../src/provider/node/node-events.ts';

function status(ready: string, memory: string, bootID = 'a'): NodeStatus {
  const conditions = [
    { type: 'MemoryPressure', status: memory },
    { type: 'Ready', status: ready },
    { type: 'Other', status: ready },
  ];
  const nodeInfo = { bootID } as NonNullable<NodeStatus['nodeInfo']>;
  return { conditions, nodeInfo } as NodeStatus;
}

function told(before: NodeStatus, after: NodeStatus): string[] {
  return nodeEvents('n', before, after).map(
    ({ type, reason, message }) => `${type} ${reason}: ${message}`,
  );
}

const well = status('True', 'False');

void t.test('what turns is told, and nothing else', (t) => {
  t.same(told(well, well), []);
  t.same(told(well, status('False', 'True')), [
    'Normal NodeHasInsufficientMemory: Node n status is now: NodeHasInsufficientMemory',
    'Normal NodeNotReady: Node n status is now: NodeNotReady',
  ]);
  t.same(told(status('Unknown', 'Unknown'), well), [
    'Normal NodeHasSufficientMemory: Node n status is now: NodeHasSufficientMemory',
    'Normal NodeReady: Node n status is now: NodeReady',
  ]);
  t.same(told({}, well), [], 'a Node that is new has not turned');
  t.same(told(well, status('Unknown', 'Unknown')), [], 'the cluster tells that itself');
  t.end();
});

void t.test('a reboot is told once it is known', (t) => {
  t.same(told(well, status('True', 'False', 'b')), [
    'Warning Rebooted: Node n has been rebooted, boot id: b',
  ]);
  t.same(told(status('True', 'False', ''), well), []);
  t.same(told(well, {}), []);
  t.end();
});

void t.test('a device that turns and turns fills nobody’s cluster with events', (t) => {
  let nowMs = 0;
  const reasons: string[] = [];
  const announcer = new NodeAnnouncer(
    (_node, { reason }) => reasons.push(reason),
    () => nowMs,
  );
  const reboot = (count: number): void => {
    for (let i = 0; i < count; i += 1) {
      const node = { metadata: { name: 'n' }, status: well };
      announcer.announce(node, status('True', 'False', `boot-${nowMs}-${i}`));
    }
  };
  reboot(40);
  t.equal(reasons.length, 25);
  nowMs += 10 * 60_000;
  reboot(40);
  t.equal(reasons.length, 27, 'two more after ten minutes');
  announcer.forget('n');
  reboot(1);
  t.equal(reasons.length, 28, 'another Node of the name begins anew');
  t.end();
});

void t.test('sites that return all at once leave room for the events of pods', (t) => {
  let nowMs = 0;
  let count = 0;
  const announcer = new NodeAnnouncer(
    () => (count += 1),
    () => nowMs,
  );
  const comeBack = (name: string): void => {
    const node = { metadata: { name }, status: status('Unknown', 'False') };
    announcer.announce(node, well);
  };
  for (let i = 0; i < 10_000; i += 1) comeBack(`n${i}`);
  t.equal(count, allNodeEvents.burst);
  t.ok(allNodeEvents.burst < eventWrites.burst);
  t.ok(allNodeEvents.perSecond < eventWrites.perSecond);
  nowMs += 1_000;
  for (let i = 0; i < 100; i += 1) comeBack(`later${i}`);
  t.equal(count, allNodeEvents.burst + allNodeEvents.perSecond);
  t.end();
});
