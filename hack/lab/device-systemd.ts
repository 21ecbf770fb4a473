import { readFile } from 'node:fs/promises';
import { run } from './command.ts';
import { LabError } from './lab-error.ts';
import type { BackgroundProcess, ProcessOptions } from './process.ts';
import type { Requirement } from './packages.ts';

/** What a device with systemd needs besides a lab's own requirements. */
export const systemdRequirements: readonly Requirement[] = [
  { paths: ['/lib/systemd/systemd'], debianPackage: 'systemd' },
];

/**
 * Joins a cgroup of its own, which systemd then takes for its root, and becomes systemd in namespaces of
 * its own. It starts none of the machine's services, for its target asks for nothing, and what it
 * changes about the mounts of cgroups is not the machine's.
 */
const script = `
for tree in /sys/fs/cgroup/*; do
  [ -e "$tree/cgroup.procs" ] || continue
  mkdir -p "$tree/$1"
  [ ! -e "$tree/cpuset.cpus" ] || for up in "$(dirname "$1")" "$1"; do
    for file in cpuset.cpus cpuset.mems; do
      cat "$tree/$file" > "$tree/$up/$file"
    done
  done
  echo $$ > "$tree/$1/cgroup.procs"
done
exec unshare --fork --pid --mount --uts --ipc --propagation private sh -ec '
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system /run/cgroup
# systemd mounts every controller that it reads of, and so takes it from the whole machine.
while read -r name rest; do
  case "$name" in "#"*) ;; *) [ -e "/sys/fs/cgroup/$name" ] || continue ;; esac
  echo "$name $rest"
done < /proc/cgroups > /run/cgroups
mount --bind /run/cgroups /proc/cgroups
mount -t tmpfs tmpfs /run/cgroup
for tree in /sys/fs/cgroup/*; do
  mkdir "/run/cgroup/$(basename "$tree")"
  mount --bind "$tree" "/run/cgroup/$(basename "$tree")"
done
mount --rbind /run/cgroup /sys/fs/cgroup
printf "[Unit]\\nDefaultDependencies=no\\n" > /run/systemd/system/lab.target
exec /lib/systemd/systemd --system --unit=lab.target --log-target=console --show-status=0
'`;

/**
 * Starts a systemd that owns the cgroups below `cgroup`. @returns its pid, by whose namespaces whatever
 * talks to it must be started.
 *
 * @throws LabError `not-ready`, `command-failed` with the end of its log.
 */
export async function startSystemd(
  exec: (options: Omit<ProcessOptions, 'logFile'>) => Promise<BackgroundProcess>,
  cgroup: string,
): Promise<number> {
  const started = await exec({
    name: 'systemd',
    command: 'sh',
    args: ['-ec', script, 'sh', cgroup],
    env: { container: 'towline-lab' },
  });
  return started.readyWhen(
    async () => {
      const pid = await childOf(started.pid);
      if (pid === undefined) return false;
      const args = [...insideOf(pid), 'systemctl', 'is-active', '--quiet', 'lab.target'];
      return (await run('nsenter', args)).code === 0 && pid;
    },
    { what: 'systemd ready', timeoutMs: 30_000 },
  );
}

/** Arguments of nsenter for a program that systemd shall see as one of its machine. */
export function insideOf(systemdPid: number): string[] {
  return ['--target', String(systemdPid), '--mount', '--pid'];
}

async function childOf(pid: number): Promise<number | undefined> {
  try {
    const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
    const [first] = text.split(' ');
    return first === undefined || first === '' ? undefined : Number(first);
  } catch (cause) {
    throw new LabError('command-failed', `systemd (pid ${pid}) has ended`, { cause });
  }
}
