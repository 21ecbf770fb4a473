import t from 'tap';
import { signalsOf } from '../../../../src/edge-runner/eviction/observe-signals.ts';
import { parseEviction } from '../../../../src/edge-runner/eviction/eviction-options.ts';
import {
  crossedThresholds,
  dueThresholds,
  nextCrossedSince,
  nextPressure,
  pressureConditions,
} from '../../../../src/edge-runner/eviction/pressure.ts';
import {
  defaultEvictionHard,
  limitOf,
  parseThresholds,
  resolvedAt,
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

void t.test('each signal is of what it is called after', (t) => {
  t.same(
    signalsOf({
      memory: { totalBytes: 100, availableBytes: 11, workingSetBytes: 0 },
      nodeFs: { capacityBytes: 200, availableBytes: 22, inodes: 300, inodesFree: 33 },
      imageFs: { capacityBytes: 400, availableBytes: 44, inodes: 500, inodesFree: 55 },
      pids: { max: 600, running: 534 },
    }),
    {
      'memory.available': { available: 11, capacity: 100 },
      'nodefs.available': { available: 22, capacity: 200 },
      'nodefs.inodesFree': { available: 33, capacity: 300 },
      'imagefs.available': { available: 44, capacity: 400 },
      'imagefs.inodesFree': { available: 55, capacity: 500 },
      'pid.available': { available: 66, capacity: 600 },
    },
  );
  t.end();
});

void t.test('every kind of pressure is told in a kubelet’s words', (t) => {
  const words = (text: string): string[] => {
    const crossed = crossedThresholds(parsed(text), signalsOf(fine));
    const state = nextPressure(new Map(), crossed, { nowMs: 0, transitionMs: 1 });
    return pressureConditions(state).map(
      ({ type, status, reason, message }) => `${type} ${status} ${reason}: ${message}`,
    );
  };
  const no = [
    'MemoryPressure False KubeletHasSufficientMemory: kubelet has sufficient memory available',
    'DiskPressure False KubeletHasNoDiskPressure: kubelet has no disk pressure',
    'PIDPressure False KubeletHasSufficientPID: kubelet has sufficient PID available',
  ];
  t.same(words(''), no);
  const [memory, disk, processes] = [
    'MemoryPressure True KubeletHasInsufficientMemory: kubelet has insufficient memory available',
    'DiskPressure True KubeletHasDiskPressure: kubelet has disk pressure',
    'PIDPressure True KubeletHasInsufficientPID: kubelet has insufficient PID available',
  ];
  t.same(words('memory.available<99%'), [memory, no[1], no[2]]);
  for (const signal of [
    'nodefs.available',
    'nodefs.inodesFree',
    'imagefs.available',
    'imagefs.inodesFree',
  ]) {
    t.same(words(`${signal}<99%`), [no[0], disk, no[2]], signal);
  }
  t.same(words('pid.available<99%'), [no[0], no[1], processes]);
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

void t.test('a soft threshold needs a grace, and each may have a minimum reclaim', (t) => {
  const texts = {
    hard: 'memory.available<100Mi',
    soft: 'memory.available<300Mi,nodefs.available<20%',
    softGracePeriod: 'memory.available=1m30s, nodefs.available=0',
    minimumReclaim: 'memory.available=50Mi,nodefs.available=5%,imagefs.available=2Gi',
  };
  const minReclaim = { count: 50 * mebibyte };
  t.same(parseEviction(texts), {
    hard: [{ signal: 'memory.available', limit: { count: 100 * mebibyte }, minReclaim }],
    soft: [
      {
        ...{ signal: 'memory.available', limit: { count: 300 * mebibyte } },
        ...{ graceMs: 90_000, minReclaim },
      },
      {
        ...{ signal: 'nodefs.available', limit: { percent: 20 } },
        ...{ graceMs: 0, minReclaim: { percent: 5 } },
      },
    ],
  });
  for (const [wrong, flag] of [
    [{ softGracePeriod: 'memory.available=1m' }, 'eviction-soft'],
    [{ softGracePeriod: `${texts.softGracePeriod},memory.available=1m` }, 'eviction-soft-grace'],
    [{ softGracePeriod: 'memory.available=-1s,nodefs.available=1s' }, 'eviction-soft-grace'],
    [{ softGracePeriod: 'memory.available=soon,nodefs.available=1s' }, 'eviction-soft-grace'],
    [{ minimumReclaim: 'memory=1Gi' }, 'eviction-minimum-reclaim'],
    [{ minimumReclaim: 'memory.available=0' }, 'eviction-minimum-reclaim'],
    [{ soft: 'disk<1' }, 'eviction-soft'],
    [{ hard: 'disk<1' }, 'eviction-hard'],
  ] as const) {
    t.match(parseEviction({ ...texts, ...wrong }), new RegExp(`^--${flag}`), JSON.stringify(wrong));
  }
  t.end();
});

void t.test('a soft threshold asks for a pod only after its grace without a break', (t) => {
  const [hard] = parsed('memory.available<100Mi');
  const [bare] = parsed('memory.available<600Mi');
  if (hard === undefined || bare === undefined) throw new TypeError('no thresholds');
  const soft = { ...bare, graceMs: 90_000 };
  const low = { ...fine, memory: { ...fine.memory, availableBytes: 50 * mebibyte } };
  const high = { ...fine, memory: { ...fine.memory, availableBytes: 900 * mebibyte } };
  const due = (
    facts: typeof fine,
    since: Parameters<typeof dueThresholds>[1],
    nowMs: number,
  ): [Threshold[], typeof since] => {
    const crossed = crossedThresholds([soft, hard], signalsOf(facts), since);
    const next = nextCrossedSince(since, crossed, nowMs);
    return [dueThresholds(crossed, next, nowMs).map(({ threshold }) => threshold), next];
  };
  const [first, since] = due(fine, new Map(), 1000);
  t.same(first, []);
  t.same(due(fine, since, 90_999)[0], []);
  t.same(due(fine, since, 91_000)[0], [soft]);
  t.same(due(low, since, 91_000)[0], [hard, soft], 'the hard one first');
  t.same(due(low, since, 90_000)[0], [hard]);
  const [, broken] = due(high, since, 80_000);
  t.same(due(fine, broken, 91_000)[0], [], 'begins anew');
  t.end();
});

void t.test('what was crossed stays so until the minimum reclaim is free, too', (t) => {
  const [bare] = parsed('nodefs.available<40%');
  if (bare === undefined) throw new TypeError('no threshold');
  const disk = { ...bare, minReclaim: { percent: 15 } };
  t.equal(resolvedAt(disk, 1000), 550);
  const crossed = (availableBytes: number, before: readonly Threshold[]): number => {
    const facts = { ...fine, nodeFs: { ...fine.nodeFs, availableBytes } };
    const since = new Map(before.map((each) => [each, 0]));
    return crossedThresholds([disk], signalsOf(facts), since).length;
  };
  t.equal(crossed(500, []), 0);
  t.equal(crossed(399, []), 1);
  t.equal(crossed(549, [disk]), 1);
  t.equal(crossed(550, [disk]), 0);
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
