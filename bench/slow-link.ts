import { execFileSync } from 'node:child_process';

/** A device's network namespace behind an uplink of 1 Mbit/s. */
export interface SlowLink {
  /** Words in front of a command that shall run on the device. */
  prefix: string[];
  remove(): void;
}

export const slowLink = {
  providerIp: '198.18.77.1',

  /** Undefined where this user may not make network namespaces, or tools are missing. */
  create(): SlowLink | undefined {
    const name = `tunnel-bench-${process.pid}`;
    const near = `tb${process.pid}`;
    const remove = (): void => {
      run('ip', 'netns', 'delete', name);
    };
    if (!run('ip', 'netns', 'add', name)) return undefined;
    const ready =
      run('ip', 'link', 'add', near, 'type', 'veth', 'peer', 'name', 'up0', 'netns', name) &&
      run('ip', 'addr', 'add', `${slowLink.providerIp}/30`, 'dev', near) &&
      run('ip', 'link', 'set', near, 'up') &&
      run('ip', '-n', name, 'addr', 'add', '198.18.77.2/30', 'dev', 'up0') &&
      run('ip', '-n', name, 'link', 'set', 'lo', 'up') &&
      run('ip', '-n', name, 'link', 'set', 'up0', 'up') &&
      run(...tbf(name));
    if (ready) return { prefix: ['ip', 'netns', 'exec', name], remove };
    remove();
    return undefined;
  },
};

/** A second of queue, as cheap routers have it. */
function tbf(name: string): [string, ...string[]] {
  const filter = ['tbf', 'rate', '1mbit', 'burst', '3000', 'latency', '1000ms'];
  return ['tc', '-n', name, 'qdisc', 'add', 'dev', 'up0', 'root', ...filter];
}

function run(command: string, ...words: string[]): boolean {
  try {
    execFileSync(command, words, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
