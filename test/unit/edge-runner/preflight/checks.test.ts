import t, { type Test } from 'tap';
import type { ContainerdFacts } from '../../../../src/edge-runner/preflight/containerd-facts.ts';
import { check, goodContainerd, kernelConfig, roomy, type Device } from './device-root.ts';

void t.test('a device with everything passes every check', async (t) => {
  const checks = await check(t);
  t.same(
    [...checks.values()].filter(({ status }) => status !== 'ok'),
    [],
  );
  t.match(checks.get('kernel')?.found, '6.1.0-rpi7');
  t.match(checks.get('cgroups')?.found, 'version 2: cpu, cpuset, io, memory, pids');
  t.match(checks.get('containerd')?.found, '1.6.20~ds1');
  t.match(checks.get('cni-config')?.found, 'none in /etc/cni/net.d; the runner writes one');
});

const v1 = (controllers: readonly string[]): string =>
  controllers
    .map(
      (name, i) =>
        `${30 + i} 22 0:${30 + i} / /sys/fs/cgroup/${name} rw - cgroup cgroup rw,${name}`,
    )
    .join('\n');
const containerd = (change: Partial<typeof goodContainerd>): Device => ({
  sources: { containerd: { ...goodContainerd, ...change } },
});
const trouble: ContainerdFacts = {
  trouble: { found: 'there is no containerd at /c.sock (ENOENT)', remedy: 'start it' },
};
const conflist = JSON.stringify({
  name: 'mine',
  plugins: [{ type: 'bridge', ipam: { type: 'dhcp' } }, { type: 'tuning' }],
});

/** What is wrong with the device, and what the check says of it. */
const faults: {
  name: string;
  device: Device;
  check: string;
  status?: 'warning';
  says: RegExp;
  remedy: RegExp;
  package?: string;
}[] = [
  {
    name: 'a 32-bit system',
    device: { sources: { architecture: 'arm' } },
    ...{ check: 'architecture', says: /runs on arm,/, remedy: /64-bit/ },
  },
  {
    name: 'no root',
    device: { sources: { isRoot: false } },
    ...{ check: 'rights', says: /not run as root/, remedy: /sudo/ },
  },
  {
    name: 'a clock before NTP',
    device: { sources: { nowMs: 42_000 } },
    ...{ check: 'clock', says: /1970-01-01T00:00:42/, remedy: /timedatectl/ },
    package: 'systemd-timesyncd',
  },
  {
    name: 'hardly any memory',
    device: { files: { 'proc/meminfo': 'MemTotal: 131072 kB\n' } },
    ...{ check: 'memory', says: /128 MiB of memory, too little/, remedy: /512 MiB/ },
  },
  {
    name: 'little memory',
    device: { files: { 'proc/meminfo': 'MemTotal: 400000 kB\n' } },
    ...{ check: 'memory', status: 'warning', says: /390 MiB/, remedy: /memory limit/ },
  },
  {
    name: 'an old kernel',
    device: { files: { 'proc/sys/kernel/osrelease': '4.9.337-tegra\n' } },
    ...{ check: 'kernel', says: /4\.9\.337-tegra is too old: 4\.18/, remedy: /upgrade the kernel/ },
    package: 'linux-image-arm64',
  },
  {
    name: 'a kernel without namespaces',
    device: { files: { 'proc/self/ns/net': undefined } },
    ...{ check: 'kernel-features', says: /lacks net namespaces/, remedy: /kernel/ },
    package: 'linux-image-arm64',
  },
  {
    name: 'a kernel without seccomp',
    device: { files: { 'proc/self/status': 'Name:\trunner\n' } },
    ...{ check: 'kernel-features', says: /lacks seccomp/, remedy: /kernel/ },
    package: 'linux-image-arm64',
  },
  {
    name: 'modules that are not installed',
    device: {
      files: { 'lib/modules/6.1.0-rpi7/modules.dep': 'kernel/fs/overlayfs/overlay.ko:\n' },
    },
    ...{ check: 'kernel-features', says: /veth \(CONFIG_VETH.*nf_nat/, remedy: /install/ },
    package: 'linux-image-arm64',
  },
  {
    name: 'a kernel whose own configuration lacks a feature',
    device: {
      files: {
        'lib/modules/6.1.0-rpi7/modules.dep': undefined,
        'lib/modules/6.1.0-rpi7/modules.builtin': undefined,
        'proc/filesystems': 'nodev\toverlay\n',
        'proc/config.gz': kernelConfig([
          ...['CONFIG_BRIDGE=y', 'CONFIG_NF_NAT=m', '# CONFIG_VETH is not set'],
        ]),
      },
    },
    ...{ check: 'kernel-features', says: /lacks veth \(CONFIG_VETH, /, remedy: /kernel/ },
    package: 'linux-image-arm64',
  },
  {
    name: 'a kernel whose configuration in /boot lacks a feature',
    device: {
      files: {
        'lib/modules/6.1.0-rpi7/modules.dep': undefined,
        'lib/modules/6.1.0-rpi7/modules.builtin': undefined,
        'boot/config-6.1.0-rpi7': [
          ...[
            'CONFIG_OVERLAY_FS=y',
            'CONFIG_BRIDGE=y',
            'CONFIG_VETH=y',
            '# CONFIG_NF_NAT is not set',
          ],
        ].join('\n'),
      },
    },
    ...{ check: 'kernel-features', says: /lacks nf_nat \(CONFIG_NF_NAT, /, remedy: /kernel/ },
    package: 'linux-image-arm64',
  },
  {
    name: 'no /proc',
    device: { files: { 'proc/self/mountinfo': undefined } },
    ...{ check: 'cgroups', says: /\/proc cannot be read/, remedy: /mount -t proc/ },
  },
  {
    name: 'no cgroups',
    device: { files: { 'proc/self/mountinfo': '22 1 179:2 / / rw - ext4 /dev/root rw' } },
    ...{ check: 'cgroups', says: /no cgroups are mounted/, remedy: /mount -t cgroup2/ },
    package: 'cgroupfs-mount',
  },
  {
    name: 'the memory controller of a Raspberry Pi as it comes',
    device: { files: { 'sys/fs/cgroup/cgroup.controllers': 'cpuset cpu io pids\n' } },
    check: 'cgroups',
    says: /version 2 has no controller memory/,
    remedy: /"cgroup_enable=memory".*cmdline\.txt/,
  },
  {
    name: 'a kernel without the pids controller',
    device: { files: { 'sys/fs/cgroup/cgroup.controllers': 'cpuset cpu io memory\n' } },
    ...{ check: 'cgroups', says: /no controller pids/, remedy: /take a kernel with pids/ },
  },
  {
    name: 'a cgroup controller that few pods need',
    device: { files: { 'sys/fs/cgroup/cgroup.controllers': 'cpu io memory pids\n' } },
    check: 'cgroups',
    status: 'warning',
    says: /no controller cpuset/,
    remedy: /"cgroup_enable=cpuset"/,
  },
  {
    name: 'controllers of version 1 that are not mounted',
    device: {
      files: {
        'proc/self/mountinfo': v1(['cpu', 'cpuacct', 'devices', 'freezer', 'memory', 'blkio']),
        'proc/cgroups':
          '#subsys_name\thierarchy\tnum_cgroups\tenabled\npids\t0\t1\t1\ncpuset\t0\t1\t1\n',
      },
    },
    ...{ check: 'cgroups', says: /version 1 has no controller pids, cpuset/ },
    remedy: /mount pids, cpuset below/,
    package: 'cgroupfs-mount',
  },
  {
    name: 'a controller of version 1 that is switched off',
    device: {
      files: {
        'proc/self/mountinfo': v1([
          ...['cpu', 'cpuacct', 'devices', 'freezer', 'pids', 'blkio', 'cpuset'],
        ]),
        'proc/cgroups': 'memory\t0\t1\t0\n',
      },
    },
    ...{ check: 'cgroups', says: /no controller memory/, remedy: /cgroup_enable=memory/ },
  },
  {
    name: 'no containerd',
    device: {
      files: { 'usr/bin/containerd': undefined },
      sources: { containerd: trouble },
    },
    ...{ check: 'containerd', says: /not installed/, remedy: /install/, package: 'containerd' },
  },
  {
    name: 'a containerd that does not run',
    device: { sources: { containerd: trouble } },
    ...{ check: 'containerd', says: /no containerd at \/c\.sock/, remedy: /start it/ },
  },
  {
    name: 'an old containerd',
    device: containerd({ version: 'v1.5.18' }),
    ...{ check: 'containerd', says: /v1\.5\.18 is too old: 1\.6/, remedy: /upgrade/ },
    package: 'containerd',
  },
  {
    name: 'no runc',
    device: { files: { 'usr/sbin/runc': undefined } },
    ...{ check: 'runc', says: /^runc, /, remedy: /install/, package: 'runc' },
  },
  {
    name: 'another runtime that is not there',
    device: containerd({ runtime: '/opt/bin/crun' }),
    ...{ check: 'runc', says: /^\/opt\/bin\/crun, /, remedy: /install/ },
  },
  {
    name: 'no CNI plugins',
    device: containerd({ cni: { configDir: '/etc/cni/net.d', pluginDirs: ['/opt/cni/bin'] } }),
    check: 'cni-plugins',
    says: /bridge, host-local, portmap, loopback|bridge, host-local, loopback, portmap/,
    remedy: /bin_dir/,
    package: 'containernetworking-plugins',
  },
  {
    name: 'a configuration with a plugin that is not there',
    device: { files: { 'etc/cni/net.d/10-mine.conflist': conflist } },
    ...{ check: 'cni-plugins', says: /plugin dhcp, tuning is not in \/usr\/lib\/cni/ },
    remedy: /install/,
    package: 'containernetworking-plugins',
  },
  {
    name: 'a CNI configuration that is damaged',
    device: { files: { 'etc/cni/net.d/10-mine.conflist': '{' } },
    ...{ check: 'cni-config', says: /10-mine\.conflist is no CNI/, remedy: /remove it/ },
  },
  {
    name: 'a CNI configuration that containerd refuses',
    device: {
      files: { 'etc/cni/net.d/10-mine.conflist': conflist },
      sources: {
        containerd: { ...goodContainerd, networkReady: false, networkMessage: 'no such plugin' },
      },
    },
    ...{ check: 'cni-config', says: /does not take .*: no such plugin/, remedy: /mend it/ },
  },
  {
    name: 'no firewall',
    device: { files: { 'usr/sbin/iptables': undefined } },
    ...{ check: 'firewall', says: /no iptables/, remedy: /install/, package: 'iptables' },
  },
  {
    name: 'no traffic control',
    device: { files: { 'usr/sbin/tc': undefined } },
    ...{ check: 'bandwidth', status: 'warning', says: /no tc, so pods/ },
    remedy: /install/,
    package: 'iproute2',
  },
  {
    name: 'a kernel that holds nobody to a bandwidth',
    device: {
      files: { 'lib/modules/6.1.0-rpi7/modules.dep': 'kernel/net/sched/sch_tbf.ko:\n' },
    },
    ...{ check: 'bandwidth', status: 'warning', says: /lacks CONFIG_IFB, CONFIG_NET_CLS_U32, / },
    remedy: /kernel modules/,
  },
  {
    name: 'no CA certificates',
    device: { files: { 'etc/ssl/certs/ca-certificates.crt': undefined } },
    ...{ check: 'ca-certificates', status: 'warning', says: /no CA certificates/ },
    remedy: /install/,
    package: 'ca-certificates',
  },
  {
    name: 'a read-only root',
    device: {
      files: {
        'proc/self/mountinfo': [
          '22 1 179:2 / / ro,noatime - ext4 /dev/root ro',
          '23 22 0:20 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw',
          '24 22 0:21 / /var/log rw - tmpfs tmpfs rw',
        ].join('\n'),
      },
    },
    ...{ check: 'writable:/var/lib/towline', says: /mounted read-only/, remedy: /remount,rw/ },
  },
  {
    name: 'a full disk',
    device: {
      sources: { readFileSystem: () => Promise.resolve({ ...roomy, availableBytes: 9 * 2 ** 20 }) },
    },
    ...{ check: 'space:/var/lib/towline', says: /has 9 MiB free/, remedy: /256 MiB are needed/ },
  },
  {
    name: 'a disk that is nearly full',
    device: {
      sources: { readFileSystem: () => Promise.resolve({ ...roomy, availableBytes: 2 ** 30 }) },
    },
    ...{ check: 'space:/var/lib/towline', status: 'warning', says: /has 1024 MiB free/ },
    remedy: /make room/,
  },
  {
    name: 'no inodes',
    device: { sources: { readFileSystem: () => Promise.resolve({ ...roomy, inodesFree: 7 }) } },
    ...{ check: 'space:/var/log/pods', says: /has 7 free inodes/, remedy: /remove small files/ },
  },
];

for (const fault of faults) {
  void t.test(`${fault.name}: said in a sentence with the remedy`, async (t) => {
    const {
      status,
      found,
      remedy,
      package: debian,
    } = (await check(t, fault.device)).get(fault.check) ?? { status: undefined };
    t.equal(status, fault.status ?? 'failed');
    t.match(found, fault.says);
    t.match(remedy, fault.remedy);
    t.equal(debian, fault.package);
  });
}

/** What the check of that name says of a device. */
async function said(t: Test, name: string, device: Device): Promise<string> {
  const { status = 'ok', found = '' } = (await check(t, device)).get(name) ?? {};
  return `${status}: ${found}`;
}

void t.test('every single controller is missed, of either version', async (t) => {
  const needed = {
    1: ['cpu', 'cpuacct', 'devices', 'freezer', 'memory', 'pids'],
    2: ['cpu', 'memory', 'pids'],
  };
  const useful = { 1: ['blkio', 'cpuset'], 2: ['cpuset', 'io'] };
  for (const version of [1, 2] as const) {
    const all = [...needed[version], ...useful[version]];
    for (const missing of all) {
      const rest = all.filter((controller) => controller !== missing);
      const files =
        version === 1
          ? { 'proc/self/mountinfo': v1(rest) }
          : { 'sys/fs/cgroup/cgroup.controllers': rest.join(' ') };
      const status = needed[version].includes(missing) ? 'failed' : 'warning';
      t.match(
        await said(t, 'cgroups', { files }),
        new RegExp(`^${status}: .*version ${version}.* no controller ${missing}$`),
      );
    }
  }
});

void t.test('every single kernel module and CNI plugin is missed', async (t) => {
  const modules = {
    'kernel-features': ['overlay', 'bridge', 'veth', 'nf_nat'],
    bandwidth: ['sch_tbf', 'ifb', 'cls_u32', 'act_mirred'],
  };
  for (const [name, all] of Object.entries(modules)) {
    const status = name === 'bandwidth' ? 'warning' : 'failed';
    for (const missing of all) {
      const installed = Object.values(modules)
        .flat()
        .filter((module) => module !== missing)
        .map((module) => `kernel/${module}.ko:\n`);
      const files = {
        'lib/modules/6.1.0-rpi7/modules.builtin': undefined,
        'lib/modules/6.1.0-rpi7/modules.dep': installed.join(''),
      };
      const option = new RegExp(`^${status}: the kernel lacks .*${missing}\\b`, 'i');
      t.match(await said(t, name, { files }), option);
    }
  }
  for (const plugin of ['bridge', 'host-local', 'loopback', 'portmap']) {
    t.equal(
      await said(t, 'cni-plugins', { files: { [`usr/lib/cni/${plugin}`]: undefined } }),
      `failed: the CNI plugin ${plugin} is not in /usr/lib/cni`,
    );
  }
  const files = {
    'etc/cni/net.d/10-mine.conf': JSON.stringify({ type: 'bridge' }),
    'usr/lib/cni/loopback': undefined,
  };
  t.match(
    await said(t, 'cni-plugins', { files }),
    /^failed: .* loopback /,
    'whoever configured it',
  );
});

void t.test('what does as well is taken', async (t) => {
  const nft = { 'usr/sbin/iptables': undefined, 'usr/sbin/nft': '' };
  t.equal(await said(t, 'firewall', { files: nft }), 'ok: nft');
  t.match(
    await said(t, 'bandwidth', { files: { 'usr/sbin/ip': undefined } }),
    /^warning: .*no ip,/,
  );
  const crun = (await check(t, containerd({ runtime: 'crun' }))).get('runc');
  t.match(crun, { status: 'failed', found: /^crun, /, package: 'crun' });
});

void t.test('a folder that is not there yet is judged by where it will be made', async (t) => {
  const mountinfo = [
    '22 1 179:2 / / rw - ext4 /dev/root rw',
    '23 22 0:20 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw',
    '24 22 179:3 / /var/lib ro - ext4 /dev/data ro',
  ].join('\n');
  const asked: string[] = [];
  const readFileSystem = (path: string): Promise<typeof roomy> => {
    asked.push(path);
    return Promise.resolve(roomy);
  };
  const device = { files: { 'proc/self/mountinfo': mountinfo }, sources: { readFileSystem } };
  t.match(await said(t, 'writable:/var/lib/towline', device), /^failed: .*read-only/);
  t.match(await said(t, 'writable:/var/log/pods', device), /^ok/);
  // The folders are looked at together, in no order.
  const ends = new Set(asked.map((path) => path.slice(path.lastIndexOf('/var'))));
  t.same([...ends].sort(), ['/var', '/var/lib']);
});

void t.test('only what is wrong is said to be wrong', async (t) => {
  const wrong = async (device: Device): Promise<string[]> =>
    [...(await check(t, device)).values()]
      .filter(({ status }) => status !== 'ok')
      .map(({ name }) => name);
  t.same(
    await wrong({
      files: {
        'proc/self/mountinfo': [
          '22 1 179:2 / / rw - ext4 /dev/root rw',
          v1(['cpu', 'cpuacct', 'devices', 'freezer', 'memory', 'pids', 'blkio', 'cpuset']),
        ].join('\n'),
      },
    }),
    [],
  );
  const nothingKnown = {
    'lib/modules/6.1.0-rpi7/modules.dep': undefined,
    'lib/modules/6.1.0-rpi7/modules.builtin': undefined,
  };
  t.same(await wrong({ files: nothingKnown }), [], 'what cannot be found out is not a fault');
  t.same(
    await wrong({
      sources: { readFileSystem: () => Promise.resolve({ ...roomy, inodes: 0, inodesFree: 0 }) },
    }),
    [],
    'a file system without a fixed number of inodes',
  );
});
