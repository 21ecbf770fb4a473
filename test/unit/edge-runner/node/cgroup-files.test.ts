import t from 'tap';
import { cgroupFiles } from '../../../../src/edge-runner/node/cgroup-files.ts';

const resources = {
  ...{ cpuShares: 512, cpuQuota: 50_000, cpuPeriodUs: 100_000 },
  memoryLimitBytes: 1024,
};
const unlimited = { ...resources, cpuShares: 2, cpuQuota: 0, memoryLimitBytes: 0 };

function lines(...parts: Parameters<typeof cgroupFiles>): string[] {
  return cgroupFiles(...parts).map(({ folder, name, text }) => `${folder}/${name}=${text}`);
}

void t.test('version 1: a file in each controller’s own tree', (t) => {
  const facts = {
    version: 1,
    controllers: [],
    mountPoints: { cpu: '/cg/cpu,cpuacct', memory: '/cg/memory' },
  } as const;
  t.same(lines(facts, '/kubepods/podx', resources), [
    '/cg/cpu,cpuacct/kubepods/podx/cpu.shares=512',
    '/cg/cpu,cpuacct/kubepods/podx/cpu.cfs_period_us=100000',
    '/cg/cpu,cpuacct/kubepods/podx/cpu.cfs_quota_us=50000',
    '/cg/memory/kubepods/podx/memory.limit_in_bytes=1024',
  ]);
  t.match(lines(facts, '/kubepods', unlimited).slice(2), [/cfs_quota_us=-1$/, /in_bytes=-1$/]);
  t.same(lines({ ...facts, mountPoints: {} }, '/kubepods', resources), []);
  t.end();
});

void t.test('version 2: what is above it must pass its controllers on first', (t) => {
  const facts = {
    version: 2,
    controllers: ['cpu', 'memory', 'pids', 'rdma'],
    mountPoints: { '': '/cg' },
  } as const;
  t.same(lines(facts, '/kubepods/podx', resources), [
    '/cg/cgroup.subtree_control=+cpu +memory +pids',
    '/cg/kubepods/cgroup.subtree_control=+cpu +memory +pids',
    '/cg/kubepods/podx/cpu.weight=20',
    '/cg/kubepods/podx/cpu.max=50000 100000',
    '/cg/kubepods/podx/memory.max=1024',
  ]);
  t.match(lines(facts, '/kubepods', unlimited).slice(1), [
    /weight=1$/,
    /cpu\.max=max 100000$/,
    /memory\.max=max$/,
  ]);
  t.end();
});
