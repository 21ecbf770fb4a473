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

void t.test('huge pages, used and reserved, where the kernel counts them', (t) => {
  const pages = { ...resources, hugePages: [{ pageSize: '2MB', limitBytes: 4_194_304 }] };
  const one = { version: 1, controllers: [] } as const;
  t.same(lines({ ...one, mountPoints: { hugetlb: '/cg/hugetlb' } }, '/kubepods/podx', pages), [
    '/cg/hugetlb/kubepods/podx/hugetlb.2MB.limit_in_bytes=4194304',
    '/cg/hugetlb/kubepods/podx/hugetlb.2MB.rsvd.limit_in_bytes=4194304',
  ]);
  t.same(lines({ ...one, mountPoints: {} }, '/kubepods/podx', pages), []);
  const two = { version: 2, mountPoints: { '': '/cg' } } as const;
  t.same(lines({ ...two, controllers: ['hugetlb'] }, '/podx', pages).slice(-2), [
    '/cg/podx/hugetlb.2MB.max=4194304',
    '/cg/podx/hugetlb.2MB.rsvd.max=4194304',
  ]);
  t.notMatch(lines({ ...two, controllers: [] }, '/podx', pages).join(), /hugetlb/);
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
