import { readFile } from 'node:fs/promises';
import { idsPerPod } from '../limits.ts';
import { hasCode } from '../volumes/node-error.ts';
import { HostError } from './host-error.ts';

/** Ids of the device that the user namespaces of pods are cut from, the first and how many. */
export interface IdPool {
  firstId: number;
  count: number;
}

/**
 * The user and group ids that pods may be given: those that the device keeps for the user `kubelet` in
 * `/etc/subuid` and, the same, in `/etc/subgid`, else all but the device's own first ones.
 * @param maxPods how many pods it must be enough for
 * @throws HostError `USER_NAMESPACE_UNAVAILABLE` where the files say something that can't be used
 * Source: kubelet, getKubeletMappings and MakeUserNsManager, which asks getsubids(1) for the same.
 */
export async function readIdPool(maxPods: number, etc = '/etc'): Promise<IdPool> {
  const [uids, gids] = [
    await rangesOf(`${etc}/subuid`, 'uids'),
    await rangesOf(`${etc}/subgid`, 'gids'),
  ];
  if (uids.join() !== gids.join()) {
    throw unusable(`mismatched subuids and subgids for user "${user}"`);
  }
  const [range, ...more] = uids;
  if (range === undefined) return { firstId: idsPerPod, count: mappable(idsPerPod) };
  if (more.length > 0) throw unusable(`user "${user}" must have only one range of ids`);
  const [firstId = NaN, count = NaN] = range.split(':').map(Number);
  return checked({ firstId, count }, maxPods);
}

const user = 'kubelet';

/** The kernel maps no range that reaches the last id. */
const maxId = 2 ** 32 - 1;

/** How many ids from this one on make whole ranges of pods. */
function mappable(firstId: number): number {
  return Math.floor((maxId - firstId) / idsPerPod) * idsPerPod;
}

/** `FIRST:COUNT` of each of the user's lines. */
async function rangesOf(file: string, what: string): Promise<string[]> {
  try {
    return (await readFile(file, 'utf8'))
      .split('\n')
      .filter((line) => line.startsWith(`${user}:`))
      .map((line) => line.slice(user.length + 1).trim());
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) return [];
    const why = cause instanceof Error ? cause.message : String(cause);
    throw unusable(`error retrieving additional ${what} for user "${user}": ${why}`, { cause });
  }
}

function checked({ firstId, count }: IdPool, maxPods: number): IdPool {
  if (!Number.isSafeInteger(firstId) || !Number.isSafeInteger(count)) {
    throw unusable(`the range of user "${user}" is not of the form ${user}:FIRST:COUNT`);
  }
  if (firstId % idsPerPod !== 0) {
    throw unusable(`kubelet user assigned ID ${firstId} is not a multiple of ${idsPerPod}`);
  }
  if (firstId < idsPerPod) {
    throw unusable(`kubelet user assigned ID ${firstId} must be greater or equal to ${idsPerPod}`);
  }
  if (count % idsPerPod !== 0) {
    throw unusable(`kubelet user assigned IDs length ${count} is not a multiple of ${idsPerPod}`);
  }
  const usable = Math.min(count, mappable(firstId));
  if (usable / idsPerPod < maxPods) {
    throw unusable(`kubelet user assigned IDs are not enough to support ${maxPods} pods`);
  }
  return { firstId, count: usable };
}

function unusable(problem: string, options?: ErrorOptions): HostError {
  return new HostError('USER_NAMESPACE_UNAVAILABLE', problem, options);
}
