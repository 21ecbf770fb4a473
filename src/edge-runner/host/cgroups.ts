import { listNames, readText, requireText, type HostRoot } from './host-files.ts';

/** How this machine's cgroups are mounted. */
export interface CgroupFacts {
  readonly version: 1 | 2;
  /** Version 1 with a version 2 tree beside it that has no controllers of its own. */
  readonly hybrid: boolean;
  /** What can be limited: `cpu`, `memory`, `pids`, `hugetlb` …, sorted. */
  readonly controllers: readonly string[];
  /** By controller; under version 2 the one mount point has the key ''. */
  readonly mountPoints: Readonly<Record<string, string>>;
  /** Mount points of all trees, also of those without controllers. */
  readonly trees: readonly string[];
  /** Whether systemd is the init system, and so owns the tree. */
  readonly systemd: boolean;
}

/** A mounted cgroup tree: version 2 when it has no list of controllers. */
export interface CgroupMount {
  readonly mountPoint: string;
  readonly controllers: readonly string[] | undefined;
}

const knownControllers = new Set([
  'blkio',
  'cpu',
  'cpuacct',
  'cpuset',
  'devices',
  'freezer',
  'hugetlb',
  'memory',
  'misc',
  'net_cls',
  'net_prio',
  'perf_event',
  'pids',
  'rdma',
]);

/** Throws HostError `HOST_FACT_MISSING` without /proc. No cgroups at all give no controllers. */
export async function readCgroupFacts(root: HostRoot = {}): Promise<CgroupFacts> {
  const mounts = parseCgroupMounts(await requireText(root, '/proc/self/mountinfo'));
  const systemd = (await listNames(root, '/run/systemd/system')).length > 0;
  const trees = mounts.map(({ mountPoint }) => mountPoint);
  const unified = mounts.find(({ controllers }) => controllers === undefined);
  const divided = mounts.flatMap(({ mountPoint, controllers = [] }) =>
    controllers.map((controller) => [controller, mountPoint] as const),
  );
  if (unified === undefined || divided.length > 0) {
    return {
      version: 1,
      hybrid: unified !== undefined,
      controllers: divided.map(([controller]) => controller).sort(),
      mountPoints: Object.fromEntries(divided),
      trees,
      systemd,
    };
  }
  const controllers = await readText(root, `${unified.mountPoint}/cgroup.controllers`);
  return {
    version: 2,
    hybrid: false,
    controllers: (controllers ?? '').split(/\s+/).filter(Boolean).sort(),
    mountPoints: { '': unified.mountPoint },
    trees,
    systemd,
  };
}

/** The cgroup mounts of `/proc/self/mountinfo` (proc_pid_mountinfo(5)). */
export function parseCgroupMounts(mountinfo: string): CgroupMount[] {
  const mounts: CgroupMount[] = [];
  for (const line of mountinfo.split('\n')) {
    const [left = '', right = ''] = line.split(' - ');
    const mountPoint = unescape(left.split(' ')[4] ?? '');
    const [type, , options = ''] = right.split(' ');
    if (type === 'cgroup2') mounts.push({ mountPoint, controllers: undefined });
    if (type !== 'cgroup') continue;
    const controllers = options.split(',').filter((option) => knownControllers.has(option));
    mounts.push({ mountPoint, controllers });
  }
  return mounts;
}

/** The kernel writes white space and backslashes in paths as three octal digits. */
function unescape(path: string): string {
  return path.replaceAll(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
