import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { CommandResult } from './command.ts';
import type { Device } from './device.ts';
import { LabError } from './lab-error.ts';
import { ensurePackages } from './packages.ts';
import type { BackgroundProcess } from './process.ts';
import type { Progress } from './progress.ts';
import { waitFor } from './wait.ts';

/**
 * The machine's own systemd as process 1 of a system of its own on a device: it has the device's network
 * and folder, a copy of all other files that vanishes with it, and a cgroup beside the device's pods.
 * Of the machine's own units none is started.
 */
export interface SystemdSystem {
  /** Runs a program in it to its end. */
  run(command: string, args: readonly string[], timeoutMs?: number): Promise<CommandResult>;
  /** Kills it with all that runs in it. */
  stop(): Promise<void>;
}

const program = '/lib/systemd/systemd';

/** Installs systemd where there is none. @throws LabError `not-ready` with its log, `command-failed`. */
export async function bootSystemd(device: Device, progress: Progress): Promise<SystemdSystem> {
  await ensurePackages(progress, [{ paths: [program], debianPackage: 'systemd' }]);
  const init = await device.exec({
    name: 'systemd',
    command: 'sh',
    args: [
      '-euc',
      enterCgroup,
      'sh',
      `${device.cgroupRoot}-systemd`,
      boot,
      ...sharedFolders(device),
    ],
  });
  const system = new RunningSystem(device, init);
  try {
    await system.untilReady();
  } catch (error) {
    await system.stop();
    throw error;
  }
  return system;
}

/** What isn't a copy: the device's own files, and what a runner is run from, wherever that is mounted. */
function sharedFolders(device: Device): string[] {
  return [device.dir, join(import.meta.dirname, '../..'), dirname(process.execPath)];
}

/** Into a cgroup of this name in all hierarchies, and then into namespaces of its own. */
const enterCgroup = `
cgroup=$1; boot=$2; shift 2
for root in /sys/fs/cgroup /sys/fs/cgroup/*; do
  [ -e "$root/cgroup.procs" ] || continue
  mkdir -p "$root$cgroup"
  if [ -e "$root/cpuset.cpus" ]; then
    for each in "$root\${cgroup%/*}" "$root$cgroup"; do
      cat "$root/cpuset.cpus" > "$each/cpuset.cpus"
      cat "$root/cpuset.mems" > "$each/cpuset.mems"
    done
  fi
  echo $$ > "$root$cgroup/cgroup.procs"
done
exec unshare --mount --pid --uts --ipc --fork --kill-child sh -euc "$boot" sh "$@"
`;

/** What a container manager does before it starts systemd, see systemd's CONTAINER_INTERFACE. */
const boot = `
root=/mnt/root
mount --make-rprivate /
mount -t tmpfs tmpfs /mnt
mkdir /mnt/upper /mnt/work $root
mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work $root
mount -t proc proc $root/proc
mount -t sysfs -o ro sysfs $root/sys
mount --bind $root/proc/sys $root/proc/sys
mount -o remount,bind,ro $root/proc/sys
if [ -e /sys/fs/cgroup/cgroup.procs ]; then
  mount --bind /sys/fs/cgroup $root/sys/fs/cgroup
else
  # systemd mounts every controller that it reads of, and so takes it from the whole machine.
  awk 'NR == 1 || $2 != 0' /proc/cgroups > /mnt/cgroups
  mount --bind /mnt/cgroups $root/proc/cgroups
  mount -t tmpfs -o mode=755 tmpfs $root/sys/fs/cgroup
  for each in /sys/fs/cgroup/*; do
    [ -e "$each/cgroup.procs" ] || continue
    mkdir "$root$each"
    mount --bind "$each" "$root$each"
  done
fi
for each in run dev; do mount -t tmpfs -o mode=755 tmpfs $root/$each; done
for each in null zero full random urandom tty; do
  touch $root/dev/$each
  mount --bind /dev/$each $root/dev/$each
done
for each; do
  mkdir -p "$root$each"
  mount --bind "$each" "$root$each"
done
rm -rf $root/etc/systemd/system $root/etc/fstab
rm -rf $root/lib/systemd/system/*.wants $root/lib/systemd/system-generators
mkdir -p $root/etc/systemd/system $root/mnt/old
ln -s /dev/null $root/etc/systemd/system/containerd.service
echo '[Unit]' > $root/etc/systemd/system/empty.target
cd $root
pivot_root . mnt/old
umount -l /mnt/old
export container=towline-lab
exec ${program} --unit=empty.target --log-target=console --show-status=no < /dev/null
`;

class RunningSystem implements SystemdSystem {
  readonly #device: Device;
  readonly #process: BackgroundProcess;

  constructor(device: Device, process: BackgroundProcess) {
    this.#device = device;
    this.#process = process;
  }

  async untilReady(): Promise<void> {
    await waitFor(
      async () => {
        if (!this.#process.isRunning()) {
          throw new LabError('not-ready', `systemd ended: ${this.#process.logTail()}`);
        }
        const { stdout } = await this.run('systemctl', ['is-active', 'empty.target']).catch(() => ({
          stdout: '',
        }));
        return stdout.trim() === 'active';
      },
      { what: 'systemd to be up', timeoutMs: 60_000, explain: () => this.#process.logTail() },
    );
  }

  async run(command: string, args: readonly string[], timeoutMs = 60_000): Promise<CommandResult> {
    const init = await this.#init();
    const namespaces = ['--target', init, '--mount', '--pid', '--uts', '--ipc'];
    return this.#device.run('nsenter', [...namespaces, '--', command, ...args], { timeoutMs });
  }

  async stop(): Promise<void> {
    await this.#process.kill();
    await this.#process.ended;
  }

  /** The pid of its process 1, seen from here. */
  async #init(): Promise<string> {
    const { pid } = this.#process;
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
    const [init] = children.trim().split(' ');
    if (init === undefined || init === '') throw new LabError('not-ready', 'systemd has not begun');
    return init;
  }
}
