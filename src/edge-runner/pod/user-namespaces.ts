import { randomInt } from 'node:crypto';
import type { Pod } from '../../kube/api.ts';
import type { InputOf } from '../cri/proto-message.ts';
import type { RuntimeHandler } from '../cri/runtime-messages.ts';
import type { UserNamespace } from '../cri/security-messages.ts';
import { HostError } from '../host/host-error.ts';
import type { IdPool } from '../host/subordinate-ids.ts';
import { idsPerPod } from '../limits.ts';
import type { IdRangeFiles } from '../volumes/id-range-files.ts';

export interface UserNamespacesOptions {
  files: Pick<IdRangeFiles, 'firstIdOf' | 'all' | 'write'>;
  /** Read when the first pod asks. */
  pool: () => Promise<IdPool>;
  /** What the runtime's handlers can do now; none of a runtime that doesn't say. */
  handlers: () => readonly RuntimeHandler[];
  /** A number from 0 up to, without, this one. */
  pick?: (count: number) => number;
}

/**
 * The user namespaces of pods with `hostUsers: false`: each has 65,536 of the device's ids that no other
 * pod has and none of the device's own users, from its first sandbox until its folder is removed.
 * Source: kubelet, pkg/kubelet/userns.
 */
export class UserNamespaces {
  readonly #options: UserNamespacesOptions;
  readonly #pick: (count: number) => number;
  #pool: Promise<IdPool> | undefined;
  #lastCall: Promise<unknown> = Promise.resolve();

  constructor(options: UserNamespacesOptions) {
    this.#options = options;
    this.#pick = options.pick ?? randomInt;
  }

  /**
   * The namespace of a pod's sandbox and containers; undefined for one with the device's users.
   * @param handler of the pod's RuntimeClass, '' for the default one
   * @throws HostError `USER_NAMESPACE_UNAVAILABLE` in a kubelet's words
   */
  async of(
    { metadata: { uid = '' }, spec }: Pod,
    handler: string,
  ): Promise<InputOf<typeof UserNamespace> | undefined> {
    if (spec.hostUsers !== false) return undefined;
    this.#checkRuntime(handler);
    const hostId = await this.#inTurn(() => this.#firstIdOf(uid));
    const mapping = [{ hostId, containerId: 0, length: idsPerPod }];
    return { mode: 'POD', uids: mapping, gids: mapping };
  }

  #checkRuntime(handler: string): void {
    const handlers = this.#options.handlers();
    const found = handlers.find(({ name }) => name === handler);
    if (found?.features?.userNamespaces === true) return;
    const subject = handler === '' ? 'runtime' : `RuntimeClass handler ${JSON.stringify(handler)}`;
    const isUnknown = handlers.length > 0 && found === undefined;
    const why = isUnknown ? `: the handler ${JSON.stringify(handler)} is not known` : '';
    const problem = `can't set \`spec.hostUsers: false\`, ${subject} does not support user namespaces`;
    throw new HostError('USER_NAMESPACE_UNAVAILABLE', `${problem}${why}`);
  }

  async #firstIdOf(uid: string): Promise<number> {
    const known = await asUnavailable('user namespace', () => this.#options.files.firstIdOf(uid));
    return known ?? (await asUnavailable('create user namespace', () => this.#give(uid)));
  }

  /** From a place by chance on, so that what a pod has left anywhere is hardly the next one's. */
  async #give(uid: string): Promise<number> {
    const { firstId, count } = await this.#ids();
    const taken = await this.#options.files.all();
    const places = count / idsPerPod;
    const start = this.#pick(places);
    for (let step = 0; step < places; step += 1) {
      const candidate = firstId + ((start + step) % places) * idsPerPod;
      if (taken.has(candidate)) continue;
      await this.#options.files.write(uid, candidate);
      return candidate;
    }
    throw new TypeError('could not find an empty slot to allocate a user namespace');
  }

  #ids(): Promise<IdPool> {
    if (this.#pool === undefined) {
      const pool = this.#options.pool();
      this.#pool = pool;
      // The owner of the device may mend it.
      pool.catch(() => (this.#pool = undefined));
    }
    return this.#pool;
  }

  /** Two pods that ask at once must not find the same ids free. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const call = this.#lastCall.then(work, work);
    this.#lastCall = call;
    return call;
  }
}

async function asUnavailable<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new HostError('USER_NAMESPACE_UNAVAILABLE', `${what}: ${why}`, { cause });
  }
}
