import { failed, ok, warning, type Check } from './check.ts';
import type { DeviceFacts } from './device-facts.ts';

/** Without these runc starts no container, or no limit holds. */
const neededControllers = {
  1: ['cpu', 'cpuacct', 'devices', 'freezer', 'memory', 'pids'],
  2: ['cpu', 'memory', 'pids'],
} as const;

const usefulControllers = { 1: ['blkio', 'cpuset'], 2: ['cpuset', 'io'] } as const;

/** Whether cgroups are there, and every controller that containers need. */
export function checkCgroups({ cgroups, idleControllers }: DeviceFacts): Check {
  const name = 'cgroups';
  if (cgroups === undefined) {
    return failed(name, '/proc cannot be read', 'mount it: mount -t proc proc /proc');
  }
  if (Object.keys(cgroups.mountPoints).length === 0) {
    return failed(
      name,
      'no cgroups are mounted',
      'boot with systemd, or mount them: mount -t cgroup2 none /sys/fs/cgroup',
      'cgroupfs-mount',
    );
  }
  const lacks = (controller: string): boolean => !cgroups.controllers.includes(controller);
  const needed = neededControllers[cgroups.version].filter(lacks);
  const useful = usefulControllers[cgroups.version].filter(lacks);
  const version = `version ${cgroups.version}${cgroups.hybrid ? ' (hybrid)' : ''}`;
  const missing = [...needed, ...useful];
  if (missing.length === 0) return ok(name, `${version}: ${cgroups.controllers.join(', ')}`);
  const found = `cgroup ${version} has no controller ${missing.join(', ')}`;
  const unmounted = missing.filter((controller) => idleControllers.unmounted.includes(controller));
  const isMountable = cgroups.version === 1 && unmounted.length === missing.length;
  const result = needed.length > 0 ? failed : warning;
  return isMountable
    ? result(name, found, `mount ${unmounted.join(', ')} below /sys/fs/cgroup`, 'cgroupfs-mount')
    : result(name, found, bootRemedy(missing));
}

/** The memory controller is off on a Raspberry Pi as it comes. */
function bootRemedy(missing: readonly string[]): string {
  const settings = missing
    .filter((controller) => ['memory', 'cpuset'].includes(controller))
    .map((controller) => `cgroup_enable=${controller}`);
  if (settings.length < missing.length) {
    return `take a kernel with ${missing.join(', ')}, and no cgroup_disable on its command line`;
  }
  return `add "${settings.join(' ')}" to the kernel's command line (on a Raspberry Pi in /boot/firmware/cmdline.txt, on other devices in /etc/default/grub) and reboot`;
}
