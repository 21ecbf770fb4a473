import { failed, ok, type Check } from './check.ts';
import type { DeviceFacts } from './device-facts.ts';

const oldestVersion = [1, 6] as const;

/** containerd with CRI, and the program that it starts containers with. */
export function checkContainerd(facts: DeviceFacts): Check[] {
  return [checkDaemon(facts), checkRuntime(facts)];
}

function checkDaemon({ containerd, programs }: DeviceFacts): Check {
  const name = 'containerd';
  if ('trouble' in containerd) {
    if (!programs.has('containerd')) {
      return failed(name, 'containerd is not installed', 'install it', 'containerd');
    }
    return failed(name, containerd.trouble.found, containerd.trouble.remedy);
  }
  const { version } = containerd;
  const [, major = '0', minor = '0'] = /^v?(\d+)\.(\d+)/.exec(version) ?? [];
  const [oldestMajor, oldestMinor] = oldestVersion;
  const isNew =
    Number(major) > oldestMajor || (Number(major) === oldestMajor && Number(minor) >= oldestMinor);
  if (isNew) return ok(name, version);
  return failed(
    name,
    `containerd ${version} is too old: ${oldestVersion.join('.')} or newer is needed`,
    'upgrade it; Debian 12 and Ubuntu 22.04 have a newer one',
    'containerd',
  );
}

function checkRuntime({ containerd, programs }: DeviceFacts): Check {
  const program = 'trouble' in containerd ? 'runc' : containerd.runtime;
  if (programs.has(program)) return ok('runc', program);
  return failed(
    'runc',
    `${program}, which containerd starts containers with, is not installed`,
    'install it',
    ['runc', 'crun'].includes(program) ? program : undefined,
  );
}
