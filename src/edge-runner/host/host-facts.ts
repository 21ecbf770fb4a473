import { arch } from 'node:process';
import { goArchitecture } from './architecture.ts';
import { HostError } from './host-error.ts';
import { listHostAddresses, type HostAddress } from './host-addresses.ts';
import { firstText, requireText, type HostRoot } from './host-files.ts';
import { readHugePages, type HugePages } from './huge-pages.ts';
import { parseMeminfo, requireMemory } from './meminfo.ts';
import { parseOsImage } from './os-release.ts';

/** What a Node object says about its machine. The three ids are '' where the machine has none. */
export interface HostFacts {
  readonly hostname: string;
  readonly machineId: string;
  readonly systemUuid: string;
  readonly bootId: string;
  readonly kernelVersion: string;
  readonly osImage: string;
  readonly architecture: string;
  readonly operatingSystem: 'linux';
  readonly cpuCount: number;
  readonly memoryBytes: number;
  readonly swapBytes: number;
  readonly hugePages: readonly HugePages[];
  readonly addresses: readonly HostAddress[];
}

const machineIdFiles = ['/etc/machine-id', '/var/lib/dbus/machine-id'];

/** The board's UUID where there is DMI, its serial number where there is a device tree. */
const systemUuidFiles = [
  '/sys/class/dmi/id/product_uuid',
  '/sys/firmware/devicetree/base/vm,uuid',
  '/sys/firmware/devicetree/base/serial-number',
];

const osReleaseFiles = ['/etc/os-release', '/usr/lib/os-release'];

/** Reads the facts anew; some change while the machine runs. Throws HostError. */
export async function readHostFacts(root: HostRoot = {}): Promise<HostFacts> {
  const memory = parseMeminfo(await requireText(root, '/proc/meminfo'));
  const machineId = await firstText(root, machineIdFiles);
  return {
    hostname: (await requireText(root, '/proc/sys/kernel/hostname')).trim().toLowerCase(),
    machineId,
    systemUuid: (await firstText(root, systemUuidFiles)).toLowerCase() || machineId,
    bootId: await firstText(root, ['/proc/sys/kernel/random/boot_id']),
    kernelVersion: (await requireText(root, '/proc/sys/kernel/osrelease')).trim(),
    osImage: parseOsImage(await firstText(root, osReleaseFiles)),
    architecture: goArchitecture(arch),
    operatingSystem: 'linux',
    cpuCount: parseCpuCount(await requireText(root, '/proc/cpuinfo')),
    memoryBytes: requireMemory(memory, 'MemTotal'),
    swapBytes: memory.get('SwapTotal') ?? 0,
    hugePages: await readHugePages(root),
    addresses: await listHostAddresses(root),
  };
}

/** The logical processors that are online, from `/proc/cpuinfo`. Throws HostError. */
export function parseCpuCount(cpuinfo: string): number {
  const count = cpuinfo.match(/^processor\s*:/gim)?.length ?? 0;
  if (count > 0) return count;
  throw new HostError('HOST_FACT_MALFORMED', '/proc/cpuinfo lists no processor');
}
