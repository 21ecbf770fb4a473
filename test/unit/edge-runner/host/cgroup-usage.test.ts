import t from 'tap';
import {
  cgroupPath,
  readCgroupSwap,
  readCgroupUsage,
} from '../../../../src/edge-runner/host/cgroup-usage.ts';

const stat1 = `cache 9000
total_rss 3000
total_pgfault 70
total_pgmajfault 5
total_inactive_file 4000
`;

void t.test('version 1: each controller has a tree, and counts what is below', async (t) => {
  type Folder = Record<string, string | Record<string, string>>;
  const pod = (
    files: Record<string, string>,
    below = '',
  ): Record<string, Record<string, Folder>> => ({
    kubepods: { podx: { ...files, container: { 'cgroup.procs': below } } },
  });
  const root = t.testdir({
    cpu: pod({ 'cpuacct.usage': '123456\n' }),
    memory: pod(
      {
        'memory.usage_in_bytes': '12000\n',
        'memory.memsw.usage_in_bytes': '12500\n',
        'memory.limit_in_bytes': '20000\n',
        'memory.memsw.limit_in_bytes': '21000\n',
        'memory.stat': stat1,
        'cgroup.procs': '',
      },
      '17\n19\n',
    ),
  });
  const facts = { version: 1 as const, mountPoints: { cpuacct: '/cpu', memory: '/memory' } };
  t.same(await readCgroupUsage(facts, '/kubepods/podx', { root }), {
    cpuNanoseconds: 123_456,
    memory: {
      usageBytes: 12_000,
      workingSetBytes: 8_000,
      rssBytes: 3_000,
      pageFaults: 70,
      majorPageFaults: 5,
    },
    swap: { usedBytes: 500, limitBytes: 1000 },
    pids: [17, 19],
  });
  t.equal(await readCgroupUsage(facts, '/kubepods/none', { root }), undefined);
});

void t.test('version 2: one tree, a slice below the slices that its name tells', async (t) => {
  const root = t.testdir({
    cg: {
      'kubepods.slice': {
        'kubepods-podx_y.slice': {
          'cpu.stat': 'usage_usec 42\nuser_usec 40\n',
          'memory.current': '1000\n',
          'memory.stat': 'anon 300\nfile 600\ninactive_file 1200\npgfault 9\npgmajfault 1\n',
          'cgroup.procs': '7\n',
        },
      },
    },
  });
  const facts = { version: 2 as const, mountPoints: { '': '/cg' } };
  t.same(await readCgroupUsage(facts, 'kubepods-podx_y.slice', { root }), {
    cpuNanoseconds: 42_000,
    memory: {
      usageBytes: 1000,
      workingSetBytes: 0,
      rssBytes: 300,
      pageFaults: 9,
      majorPageFaults: 1,
    },
    swap: undefined,
    pids: [7],
  });
});

void t.test('swap of a cgroup, with and without a limit', async (t) => {
  const root = t.testdir({
    cg: {
      bounded: { 'memory.swap.current': '30\n', 'memory.swap.max': '0\n' },
      free: { 'memory.swap.current': '40\n', 'memory.swap.max': 'max\n' },
    },
    memory: {
      free: {
        'memory.usage_in_bytes': '12000\n',
        'memory.memsw.usage_in_bytes': '12500\n',
        'memory.limit_in_bytes': '9223372036854771712\n',
        'memory.memsw.limit_in_bytes': '9223372036854771712\n',
      },
    },
  });
  const unified = { version: 2 as const, mountPoints: { '': '/cg' } };
  t.same(await readCgroupSwap(unified, '/bounded', { root }), { usedBytes: 30, limitBytes: 0 });
  t.same(await readCgroupSwap(unified, '/free', { root }), {
    usedBytes: 40,
    limitBytes: undefined,
  });
  t.equal(await readCgroupSwap(unified, '/none', { root }), undefined);
  const divided = { version: 1 as const, mountPoints: { memory: '/memory' } };
  t.same(await readCgroupSwap(divided, '/free', { root }), {
    usedBytes: 500,
    limitBytes: undefined,
  });
});

void t.test('names of slices are paths', (t) => {
  t.equal(cgroupPath('/kubepods/burstable/podx'), '/kubepods/burstable/podx');
  t.equal(cgroupPath('a-b-c.slice'), 'a.slice/a-b.slice/a-b-c.slice');
  t.end();
});
