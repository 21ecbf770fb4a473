import { run, runChecked } from './command.ts';
import { withFileLock } from './file-lock.ts';
import { LabError } from './lab-error.ts';
import { recordOwned } from './ownership.ts';
import type { Progress } from './progress.ts';

/**
 * The network of a lab: a bridge in the root namespace that stands for the internet. The host's address
 * on it is where a provider listens; each device hangs on it behind a router of its own, which is a
 * second namespace. So nothing of the machine's own firewall or forwarding is touched.
 */
export interface LabNetwork {
  /** Unique on the machine; names of links and namespaces begin with it: `tl7`. */
  readonly bridge: string;
  readonly index: number;
  /** The host's address on the bridge. */
  readonly hostAddress: string;
}

/** RFC 2544's range for tests between networks, which nobody routes: one /24 for each lab. */
const labRange = '198.18';
const maxLabs = 250;
/** One for the machine, wherever the labs' folders are. */
const networkLock = '/run/towline-lab-network.lock';

/**
 * Makes the bridge of a lab, with a name and a range that nothing else on this machine has.
 *
 * @throws LabError `in-use` when all ranges are taken, `command-failed`.
 */
export async function createLabNetwork(
  dir: string,
  options: { readonly progress: Progress; readonly signal?: AbortSignal },
): Promise<LabNetwork> {
  return withFileLock(networkLock, options, async () => {
    const taken = await takenRanges();
    const start = process.pid % maxLabs;
    for (let step = 0; step < maxLabs; step += 1) {
      const index = (start + step) % maxLabs;
      if (!taken.has(index)) {
        return makeBridge(dir, index);
      }
    }
    throw new LabError('in-use', `all ${maxLabs} address ranges for labs are taken`);
  });
}

/** Removes a bridge; one that is gone already is fine. */
export async function removeBridge(name: string): Promise<void> {
  await run('ip', ['link', 'delete', name]);
}

async function makeBridge(dir: string, index: number): Promise<LabNetwork> {
  const bridge = `tl${index}`;
  const hostAddress = `${labRange}.${index}.1`;
  await recordOwned(dir, { kind: 'bridge', name: bridge });
  await runChecked('ip', ['link', 'add', bridge, 'type', 'bridge']);
  await runChecked('ip', ['address', 'add', `${hostAddress}/24`, 'dev', bridge]);
  await runChecked('ip', ['link', 'set', bridge, 'up']);
  return { bridge, index, hostAddress };
}

/** Indexes whose bridge's name or address range somebody has. */
async function takenRanges(): Promise<Set<number>> {
  const [links, addresses, routes] = await Promise.all([
    runChecked('ip', ['-oneline', 'link', 'show']),
    runChecked('ip', ['-4', '-oneline', 'address', 'show']),
    runChecked('ip', ['-4', 'route', 'show', 'table', 'all']),
  ]);
  const named = [...links.matchAll(/^\d+: tl(\d+)[:@]/gm)];
  const numbered = [...`${addresses}\n${routes}`.matchAll(/\b198\.18\.(\d+)\.\d+/g)];
  return new Set([...named, ...numbered].map((match) => Number(match[1])));
}
