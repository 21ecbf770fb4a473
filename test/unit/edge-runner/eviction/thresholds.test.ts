import t from 'tap';
import { signalsOf } from '../../../../src/edge-runner/eviction/observe-signals.ts';
import {
  crossedThresholds,
  nextPressure,
  pressureConditions,
} from '../../../../src/edge-runner/eviction/pressure.ts';
import {
  defaultEvictionHard,
  limitOf,
  parseThresholds,
  type Threshold,
} from '../../../../src/edge-runner/eviction/thresholds.ts';
import { admissionUnderPressure } from '../../../../src/edge-runner/eviction/admission.ts';
import { makePod } from '../pod/make-observed.ts';

function parsed(text: string): Threshold[] {
  const thresholds = parseThresholds(text);
  if (typeof thresholds === 'string') throw new TypeError(thresholds);
  return thresholds;
}

const mebibyte = 1024 * 1024;
const fine = {
  memory: { totalBytes: 1000 * mebibyte, availableBytes: 500 * mebibyte, workingSetBytes: 0 },
  nodeFs: { capacityBytes: 1000, availableBytes: 500, inodes: 100, inodesFree: 50 },
  imageFs: { capacityBytes: 1000, availableBytes: 500, inodes: 100, inodesFree: 50 },
  pids: { max: 1000, running: 100 },
};

void t.test('thresholds are written as for a kubelet', (t) => {
  t.same(parsed('memory.available<100Mi, nodefs.inodesFree<5%'), [
    { signal: 'memory.available', limit: { count: 100 * mebibyte } },
    { signal: 'nodefs.inodesFree', limit: { percent: 5 } },
  ]);
  t.equal(parsed(defaultEvictionHard).length, 5);
  t.same(parsed(''), []);
  for (const text of [
    ...['memory<1', 'memory.available', 'memory.available<0', 'memory.available<100%'],
    ...['memory.available<1<2', 'memory.available<1,memory.available<2', 'memory.available<x', ','],
  ]) {
    t.type(parseThresholds(text), 'string', text);
  }
  t.equal(limitOf({ signal: 'nodefs.available', limit: { percent: 10 } }, 1005), 100);
  t.end();
});

void t.test('what is crossed comes with memory first', (t) => {
  const thresholds = parsed(`${defaultEvictionHard},pid.available<90`);
  t.same(crossedThresholds(thresholds, signalsOf(fine)), []);
  const poor = {
    ...fine,
    memory: { ...fine.memory, availableBytes: 99 * mebibyte },
    nodeFs: { ...fine.nodeFs, availableBytes: 99 },
    imageFs: { ...fine.imageFs, inodes: 0, inodesFree: 0 },
    pids: { max: 1000, running: 950 },
  };
  const crossed = crossedThresholds(thresholds.reverse(), signalsOf(poor));
  t.same(
    crossed.map(({ threshold }) => threshold.signal),
    ['memory.available', 'pid.available', 'nodefs.available'],
    'a filesystem without inodes to count never lacks them',
  );
  t.end();
});

void t.test('pressure lasts for its transition period', (t) => {
  const [memory] = parsed('memory.available<1Gi');
  const crossed = crossedThresholds(memory === undefined ? [] : [memory], signalsOf(fine));
  const at = (nowMs: number): { nowMs: number; transitionMs: number } => ({
    nowMs,
    transitionMs: 300,
  });
  const first = nextPressure(new Map(), crossed, at(0));
  t.match(pressureConditions(first), [
    {
      type: 'MemoryPressure',
      status: 'True',
      reason: 'KubeletHasInsufficientMemory',
      message: 'kubelet has insufficient memory available',
    },
    { type: 'DiskPressure', status: 'False', reason: 'KubeletHasNoDiskPressure' },
    { type: 'PIDPressure', status: 'False', reason: 'KubeletHasSufficientPID' },
  ]);
  const again = nextPressure(nextPressure(first, [], at(299)), crossed, at(299));
  t.equal(nextPressure(again, [], at(598)).has('MemoryPressure'), true);
  t.equal(nextPressure(again, [], at(599)).has('MemoryPressure'), false);
  t.end();
});

void t.test('under pressure new pods are refused as by a kubelet', (t) => {
  const requests = { resources: { requests: { memory: '1Mi' } } };
  const burstable = makePod({ containers: [{ name: 'web', ...requests }] });
  const bestEffort = makePod();
  const critical = makePod({ priority: 2_000_001_000 });
  const ofDaemonSet = {
    ...bestEffort,
    metadata: {
      ...bestEffort.metadata,
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'd', uid: 'u' }],
    },
  };
  const memory = new Map([['MemoryPressure', 0]] as const);
  const both = new Map([...memory, ['DiskPressure', 0] as const]);
  t.equal(admissionUnderPressure(bestEffort, new Map()), undefined);
  t.match(admissionUnderPressure(bestEffort, memory), {
    reason: 'Evicted',
    message: 'The node had condition: [MemoryPressure]. ',
  });
  t.equal(admissionUnderPressure(burstable, memory), undefined);
  t.equal(admissionUnderPressure(ofDaemonSet, memory), undefined);
  t.match(admissionUnderPressure(burstable, both), {
    message: 'The node had condition: [DiskPressure MemoryPressure]. ',
  });
  t.equal(admissionUnderPressure(critical, both), undefined);
  t.end();
});
