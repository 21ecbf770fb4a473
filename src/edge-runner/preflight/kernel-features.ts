import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { listNames, readText, type HostRoot } from '../host/host-files.ts';

/** A part of the kernel: as a module, and as an option of its configuration. */
export interface KernelFeature {
  readonly module: string;
  readonly option: string;
  readonly purpose: string;
}

/** What pods with a network of their own cannot do without. */
const neededFeatures: readonly KernelFeature[] = [
  { module: 'overlay', option: 'CONFIG_OVERLAY_FS', purpose: 'images' },
  { module: 'bridge', option: 'CONFIG_BRIDGE', purpose: 'the pod network' },
  { module: 'veth', option: 'CONFIG_VETH', purpose: 'the pod network' },
  { module: 'nf_nat', option: 'CONFIG_NF_NAT', purpose: 'the way of pods to the outside' },
];

/** What holds pods to their bandwidth. */
const bandwidthFeatures: readonly KernelFeature[] = [
  { module: 'sch_tbf', option: 'CONFIG_NET_SCH_TBF', purpose: 'the bandwidth of pods' },
  { module: 'ifb', option: 'CONFIG_IFB', purpose: 'the bandwidth of pods' },
  { module: 'cls_u32', option: 'CONFIG_NET_CLS_U32', purpose: 'the bandwidth of pods' },
  { module: 'act_mirred', option: 'CONFIG_NET_ACT_MIRRED', purpose: 'the bandwidth of pods' },
];

const neededNamespaces = ['ipc', 'mnt', 'net', 'pid', 'uts'];

export interface KernelFacts {
  readonly release: string;
  /** Namespaces that the kernel lacks. */
  readonly missingNamespaces: readonly string[];
  readonly seccomp: boolean;
  /** Features that are certainly not there. What can't be found out is not in it. */
  readonly missingFeatures: readonly KernelFeature[];
  /** The same of those that only pods with a bounded bandwidth need. */
  readonly missingForBandwidth: readonly KernelFeature[];
}

/** Reads what the running kernel can do. Loads no module. */
export async function readKernelFacts(root: HostRoot): Promise<KernelFacts> {
  const release = ((await readText(root, '/proc/sys/kernel/osrelease')) ?? '').trim();
  const namespaces = await listNames(root, '/proc/self/ns');
  const status = (await readText(root, '/proc/self/status')) ?? '';
  return {
    release,
    missingNamespaces: neededNamespaces.filter((name) => !namespaces.includes(name)),
    seccomp: /^Seccomp:/m.test(status),
    missingFeatures: await readMissing(neededFeatures, root, release),
    missingForBandwidth: await readMissing(bandwidthFeatures, root, release),
  };
}

async function readMissing(
  features: readonly KernelFeature[],
  root: HostRoot,
  release: string,
): Promise<KernelFeature[]> {
  const modules = await readModules(root, release);
  const configuration = await readConfiguration(root, release);
  const loaded = new Set(await listNames(root, '/sys/module'));
  const fileSystems = (await readText(root, '/proc/filesystems')) ?? '';
  return features.filter(({ module, option }) => {
    if (loaded.has(module) || modules?.has(module) === true) return false;
    if (new RegExp(`\\b${module}$`, 'm').test(fileSystems)) return false;
    if (configuration !== undefined) {
      const value = new RegExp(`^${option}=(.)`, 'm').exec(configuration)?.[1];
      // One that is a module, and that nobody installed.
      return value === undefined || (value === 'm' && modules !== undefined);
    }
    return modules !== undefined;
  });
}

/** The modules that are installed or built in; undefined when the kernel has no folder of them. */
async function readModules(root: HostRoot, release: string): Promise<Set<string> | undefined> {
  const lists = await Promise.all(
    ['modules.builtin', 'modules.dep'].map((name) =>
      readText(root, `/lib/modules/${release}/${name}`),
    ),
  );
  if (lists.every((list) => list === undefined)) return undefined;
  const names = lists
    .join('\n')
    .matchAll(/^(?:\S*\/)?([^/\s]+?)\.ko(?:\.\w+)?(?::|$)/gm)
    .map(([, name = '']) => name.replaceAll('-', '_'));
  return new Set(names);
}

async function readConfiguration(root: HostRoot, release: string): Promise<string | undefined> {
  try {
    return gunzipSync(await readFile(join(root.root ?? '/', 'proc/config.gz'))).toString('utf8');
  } catch {
    return readText(root, `/boot/config-${release}`);
  }
}
