import { failed, ok, warning, type Check } from './check.ts';
import type { DeviceFacts } from './device-facts.ts';
import type { KernelFeature } from './kernel-features.ts';
import { comfortableMemoryBytes, minMemoryBytes } from './limits.ts';

const architectures = ['amd64', 'arm64'];

/** No device with this program can be older than the program. */
const earliestTimeMs = Date.UTC(2026, 0, 1);

/** Node's own lower bound; overlay and namespaces are older. */
const oldestKernel = [4, 18] as const;

/** Processor, rights, clock, memory and kernel. */
export function checkMachine(facts: DeviceFacts): Check[] {
  return [
    checkArchitecture(facts),
    checkRights(facts),
    checkClock(facts),
    checkMemory(facts),
    checkKernelVersion(facts),
    checkKernelFeatures(facts),
  ];
}

function checkArchitecture({ architecture }: DeviceFacts): Check {
  if (architectures.includes(architecture)) return ok('architecture', architecture);
  return failed(
    'architecture',
    `this runs on ${architecture}, and the runner is made for ${architectures.join(' and ')}`,
    'install a 64-bit system (on a Raspberry Pi 3 or newer the 64-bit Raspberry Pi OS)',
  );
}

function checkRights({ isRoot }: DeviceFacts): Check {
  if (isRoot) return ok('rights', 'root');
  return failed('rights', 'this does not run as root, and the runner must', 'put sudo before it');
}

function checkClock({ nowMs }: DeviceFacts): Check {
  const now = new Date(nowMs).toISOString();
  if (nowMs >= earliestTimeMs) return ok('clock', now);
  return failed(
    'clock',
    `the clock says ${now}, so certificates do not count yet`,
    'set it by NTP ("timedatectl set-ntp true") or by hand ("date -s"), and wait until it is right',
    'systemd-timesyncd',
  );
}

function checkMemory({ memoryBytes }: DeviceFacts): Check {
  const megabytes = `${Math.floor(memoryBytes / 2 ** 20)} MiB`;
  if (memoryBytes >= comfortableMemoryBytes) return ok('memory', megabytes);
  const wanted = `${Math.floor(comfortableMemoryBytes / 2 ** 20)} MiB`;
  if (memoryBytes >= minMemoryBytes) {
    return warning(
      'memory',
      `there are ${megabytes} of memory, which is enough for a few small pods`,
      `give every pod a memory limit, or take a device with ${wanted}`,
    );
  }
  return failed(
    'memory',
    `there are ${megabytes} of memory, too little for containerd, the runner and a pod`,
    `take a device with ${wanted} or more`,
  );
}

function checkKernelVersion({ kernel, architecture }: DeviceFacts): Check {
  const [, major = '0', minor = '0'] = /^(\d+)\.(\d+)/.exec(kernel.release) ?? [];
  const [oldestMajor, oldestMinor] = oldestKernel;
  const isNew =
    Number(major) > oldestMajor || (Number(major) === oldestMajor && Number(minor) >= oldestMinor);
  if (isNew) return ok('kernel', kernel.release);
  return failed(
    'kernel',
    `Linux ${kernel.release || '(of unknown version)'} is too old: ${oldestKernel.join('.')} or newer is needed`,
    'upgrade the kernel and reboot',
    kernelPackage(architecture),
  );
}

function checkKernelFeatures({ kernel, architecture }: DeviceFacts): Check {
  const name = 'kernel-features';
  const lacking = [
    ...kernel.missingNamespaces.map((namespace) => `${namespace} namespaces`),
    ...(kernel.seccomp ? [] : ['seccomp']),
  ];
  const missing = [...lacking, ...kernel.missingFeatures.map(describe)];
  if (missing.length > 0) {
    const found = `the kernel lacks ${missing.join(', ')}`;
    return failed(
      name,
      found,
      'install the kernel modules or a kernel with them, and reboot',
      kernelPackage(architecture),
    );
  }
  return ok(name, 'namespaces, seccomp, overlay, bridge');
}

function describe({ module, option, purpose }: KernelFeature): string {
  return `${module} (${option}, for ${purpose})`;
}

function kernelPackage(architecture: string): string {
  return `linux-image-${architecture}`;
}
