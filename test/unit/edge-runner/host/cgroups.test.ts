import t from 'tap';
import { parseCgroupMounts, readCgroupFacts } from '../../../../src/edge-runner/host/cgroups.ts';

const unified = '31 23 0:28 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n';
const divided = `30 23 0:27 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd
`;
const beside = '41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n';

void t.test('reads version 2', async (t) => {
  const root = t.testdir({
    proc: { self: { mountinfo: unified } },
    sys: { fs: { cgroup: { 'cgroup.controllers': 'cpuset cpu io memory hugetlb pids\n' } } },
    run: { systemd: { system: { x: '' } } },
  });
  t.same(await readCgroupFacts({ root }), {
    version: 2,
    hybrid: false,
    controllers: ['cpu', 'cpuset', 'hugetlb', 'io', 'memory', 'pids'],
    mountPoints: { '': '/sys/fs/cgroup' },
    trees: ['/sys/fs/cgroup'],
    systemd: true,
  });
});

void t.test('reads version 1, alone and with an empty version 2 beside it', async (t) => {
  for (const hybrid of [false, true]) {
    const root = t.testdir({
      proc: { self: { mountinfo: hybrid ? divided + beside : divided } },
    });
    t.same(await readCgroupFacts({ root }), {
      version: 1,
      hybrid,
      controllers: ['cpu', 'cpuacct', 'memory'],
      mountPoints: {
        cpu: '/sys/fs/cgroup/cpu,cpuacct',
        cpuacct: '/sys/fs/cgroup/cpu,cpuacct',
        memory: '/sys/fs/cgroup/memory',
      },
      trees: [
        ...['/sys/fs/cgroup/cpu,cpuacct', '/sys/fs/cgroup/memory', '/sys/fs/cgroup/systemd'],
        ...(hybrid ? ['/sys/fs/cgroup/unified'] : []),
      ],
      systemd: false,
    });
  }
});

void t.test('reads paths with spaces, and a machine without cgroups', async (t) => {
  t.same(parseCgroupMounts('1 2 0:1 / /mnt/a\\040b rw - cgroup cgroup rw,pids'), [
    { mountPoint: '/mnt/a b', controllers: ['pids'] },
  ]);
  const root = t.testdir({ proc: { self: { mountinfo: '' } } });
  t.match(await readCgroupFacts({ root }), { version: 1, controllers: [] });
});
