import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Test } from 'tap';
import type { Check } from '../../../../src/edge-runner/preflight/check.ts';
import type { ContainerdFacts } from '../../../../src/edge-runner/preflight/containerd-facts.ts';
import { readDeviceFacts } from '../../../../src/edge-runner/preflight/device-facts.ts';
import type { FactSources } from '../../../../src/edge-runner/preflight/device-facts.ts';
import { runChecks } from '../../../../src/edge-runner/preflight/run-checks.ts';

/** The files of a device by path; `undefined` takes one away. */
export type Files = Record<string, string | Buffer | undefined>;

export const kernelConfig = (lines: readonly string[]): Buffer => gzipSync(lines.join('\n'));

const release = '6.1.0-rpi7';

/** A Raspberry Pi with Debian 12 on which everything is there. */
const goodDevice: Files = {
  'proc/sys/kernel/osrelease': `${release}\n`,
  'proc/self/status': 'Name:\trunner\nSeccomp:\t0\n',
  'proc/self/mountinfo': [
    '22 1 179:2 / / rw,noatime - ext4 /dev/root rw',
    '23 22 0:20 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw',
  ].join('\n'),
  'proc/self/ns/ipc': '',
  'proc/self/ns/mnt': '',
  'proc/self/ns/net': '',
  'proc/self/ns/pid': '',
  'proc/self/ns/uts': '',
  'proc/meminfo': 'MemTotal: 1048576 kB\n',
  'proc/filesystems': 'nodev\ttmpfs\n\text4\n',
  [`lib/modules/${release}/modules.builtin`]: 'kernel/net/bridge/bridge.ko\n',
  [`lib/modules/${release}/modules.dep`]: [
    'kernel/fs/overlayfs/overlay.ko.xz:',
    'kernel/drivers/net/veth.ko.xz:',
    'kernel/drivers/net/ifb.ko.xz:',
    'kernel/net/sched/sch_tbf.ko.xz:',
    'kernel/net/sched/cls_u32.ko.xz:',
    'kernel/net/sched/act_mirred.ko.xz:',
    'kernel/net/netfilter/nf_nat.ko.xz: kernel/net/netfilter/nf_conntrack.ko.xz',
  ].join('\n'),
  'sys/fs/cgroup/cgroup.controllers': 'cpuset cpu io memory pids\n',
  'usr/bin/containerd': '',
  'usr/sbin/runc': '',
  'usr/sbin/iptables': '',
  'usr/sbin/ip': '',
  'usr/sbin/tc': '',
  'usr/lib/cni/bridge': '',
  'usr/lib/cni/host-local': '',
  'usr/lib/cni/loopback': '',
  'usr/lib/cni/portmap': '',
  'etc/ssl/certs/ca-certificates.crt': '',
  'var/lib/placeholder': '',
};

export const goodContainerd: Exclude<ContainerdFacts, { trouble: unknown }> = {
  version: '1.6.20~ds1',
  runtime: 'runc',
  cni: { configDir: '/etc/cni/net.d', pluginDirs: ['/usr/lib/cni'] },
  networkReady: true,
  networkMessage: '',
};

export const roomy = { availableBytes: 8 * 2 ** 30, inodes: 2_000_000, inodesFree: 1_000_000 };

export interface Device {
  files?: Files;
  sources?: Partial<FactSources>;
}

/** The checks of the good device with some of it changed, by name. */
export async function check(t: Test, device: Device = {}): Promise<Map<string, Check>> {
  const checks = runChecks(await readDeviceFacts(await sourcesOf(t, device)));
  return new Map(checks.map((each) => [each.name, each]));
}

export async function sourcesOf(
  t: Test,
  { files = {}, sources = {} }: Device,
): Promise<FactSources> {
  const root = t.testdir();
  for (const [path, content] of Object.entries({ ...goodDevice, ...files })) {
    if (content === undefined) continue;
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
  return {
    root,
    architecture: 'arm64',
    isRoot: true,
    nowMs: Date.UTC(2027, 5, 1),
    containerd: goodContainerd,
    stateDir: '/var/lib/towline',
    logRoot: '/var/log/pods',
    readFileSystem: () => Promise.resolve(roomy),
    ...sources,
  };
}
