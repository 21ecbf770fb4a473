import { join } from 'node:path';
import type { LinuxResources } from '../../kube/container-resources.ts';
import { HostError } from '../host/host-error.ts';
import type { RunOnHost } from '../host/run-on-host.ts';
import { slicePath } from '../pod/cgroup-parent.ts';
import { weightOfShares } from './cgroup-files.ts';

/** Where systemd keeps what was set of a unit until the next reboot (systemctl(1), set-property). */
const settingsDir = '/run/systemd/system.control';

/**
 * Slices of systemd, which owns the cgroups of a device where the runtime's driver is `systemd`: only
 * what is set through it stays as it was set. It has no property for huge pages: those of a pod as a
 * whole are not set, those of its containers are the runtime's.
 */
export class SystemdSlices {
  readonly #run: RunOnHost;
  readonly #version: 1 | 2;
  /** What a slice was given last. */
  readonly #given = new Map<string, string>();
  /** systemd's own cgroup; the topmost one, unless it runs in a container. */
  #root: string | undefined;

  constructor(run: RunOnHost, version: 1 | 2) {
    this.#run = run;
    this.#version = version;
  }

  /**
   * Makes a slice, or gives one other resources.
   * @throws HostError `CGROUP_UNWRITABLE`; the signal's reason
   */
  async set(slice: string, resources: LinuxResources, signal?: AbortSignal): Promise<void> {
    const properties = sliceProperties(this.#version, resources);
    const text = properties.join(' ');
    if (this.#given.get(slice) === text) return;
    try {
      await this.#run('systemctl', ['set-property', '--runtime', slice, ...properties], { signal });
      await this.#run('systemctl', ['start', slice], { signal });
    } catch (cause) {
      signal?.throwIfAborted();
      throw new HostError(
        'CGROUP_UNWRITABLE',
        `systemd does not give ${slice} its resources: ${whyOf(cause)}`,
        { cause },
      );
    }
    this.#given.set(slice, text);
  }

  /**
   * Ends whatever is in these slices. Of version 1 the trees that systemd doesn't use keep what the
   * runtime has made in them.
   * @returns the cgroups of the slices, in every tree
   * @throws HostError `CGROUP_BUSY`
   */
  async stop(slices: readonly string[]): Promise<string[]> {
    try {
      await this.#run('systemctl', ['stop', ...slices]);
      const settings = slices.map((slice) => join(settingsDir, `${slice}.d`));
      await this.#run('rm', ['-rf', ...settings]);
      this.#root ??= await this.#readRoot();
    } catch (cause) {
      const why = `systemd does not stop ${slices.join(', ')}: ${whyOf(cause)}`;
      throw new HostError('CGROUP_BUSY', why, { cause });
    }
    for (const slice of slices) this.#given.delete(slice);
    return slices.map((slice) => join(this.#root ?? '/', slicePath(slice)));
  }

  async #readRoot(): Promise<string> {
    const text = await this.#run('cat', ['/proc/1/cgroup']);
    const [, path = '/'] = /^(?:\d+:name=systemd|0:):(.*)$/m.exec(text) ?? [];
    return path.replace(/\/init\.scope$/, '') || '/';
  }
}

/**
 * The properties by which systemd sets a cgroup's resources (systemd.resource-control(5)). With
 * version 1 the older ones, whose units are the kernel's and Kubernetes' own.
 * Source: libcontainer's cgroup manager for systemd, which a kubelet uses.
 */
export function sliceProperties(
  version: 1 | 2,
  { cpuShares, cpuQuota, cpuPeriodUs, memoryLimitBytes }: LinuxResources,
): string[] {
  const memory = memoryLimitBytes === 0 ? 'infinity' : String(memoryLimitBytes);
  // systemd takes a quota in steps of 10 ms a second.
  const quota = cpuQuota === 0 ? '' : `${Math.ceil((cpuQuota * 100) / cpuPeriodUs)}%`;
  return [
    version === 1 ? `CPUShares=${cpuShares}` : `CPUWeight=${weightOfShares(cpuShares)}`,
    `CPUQuotaPeriodSec=${cpuPeriodUs}us`,
    `CPUQuota=${quota}`,
    version === 1 ? `MemoryLimit=${memory}` : `MemoryMax=${memory}`,
  ];
}

function whyOf(cause: unknown): string {
  return cause instanceof Error ? cause.message.trim() : String(cause);
}
