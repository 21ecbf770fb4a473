import type { Logger } from 'pino';
import type { Secret } from '../../kube/api.ts';
import { isKubeApiError } from '../kube-client/kube-api-error.ts';
import type { KubeClient } from '../kube-client/kube-client.ts';
import { resources } from '../kube-client/resource-type.ts';
import {
  maxSecretAgeMs,
  maxSecretReads,
  minSecretAgeMs,
  missingSecretRetryMs,
  secretReadsPerSecond,
} from '../limits.ts';
import { ReconcileQueue } from '../reconcile/reconcile-queue.ts';
import type { Known, ObjectHold, ObjectSource } from './object-source.ts';
import { sentSecret } from './sent-object.ts';

interface Entry {
  known: Known;
  listeners: Set<() => void>;
  /** Resolved by the next read that starts after they asked. */
  waiters: (() => void)[];
  forbiddenLogged: boolean;
  /** How often in a row it wasn't there, or wasn't to be read. */
  misses: number;
}

export interface SecretSourceOptions {
  client: Pick<KubeClient, 'get'>;
  log: Logger;
  /** How long until a Secret is read again while so many are held, in ms. */
  refreshMs?: (held: number) => number;
}

/**
 * Secrets by name: read when somebody needs them, and again and again while somebody does: every few
 * seconds, more seldom where many are held, and sooner at first when there is none or it may not be read,
 * for a pod may wait for it, and an API server that has just started forbids everything until it has read
 * who may do what.
 * Never listed or watched, so that the provider's role needs only `get`, and holds none that no
 * connected site uses.
 */
export class SecretSource implements ObjectSource {
  readonly #options: SecretSourceOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #queue: ReconcileQueue;

  constructor(options: SecretSourceOptions) {
    this.#options = options;
    this.#queue = new ReconcileQueue({
      name: 'secrets',
      reconcile: (key, signal) => this.#read(key, signal),
      concurrency: maxSecretReads,
      log: options.log,
    });
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#queue.run(signal);
  }

  hold(namespace: string, name: string, onChange: () => void): ObjectHold {
    const key = `${namespace}/${name}`;
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      entry = {
        known: { kind: 'unknown' },
        listeners: new Set(),
        waiters: [],
        forbiddenLogged: false,
        misses: 0,
      };
      this.#entries.set(key, entry);
    }
    const held = entry;
    // Each hold has a listener of its own, also where two pass the same function.
    const listener = (): void => {
      onChange();
    };
    held.listeners.add(listener);
    return {
      get known(): Known {
        return held.known;
      },
      refresh: () =>
        new Promise((resolve) => {
          held.waiters.push(resolve);
          this.#queue.add(key);
        }),
      release: () => {
        held.listeners.delete(listener);
        if (held.listeners.size > 0) return;
        this.#entries.delete(key);
        for (const resolve of held.waiters.splice(0)) resolve();
      },
    };
  }

  async #read(key: string, signal: AbortSignal): Promise<void> {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    const waiters = entry.waiters.splice(0);
    try {
      const known = await this.#get(key, entry, signal);
      const changed = known !== undefined && !isSame(entry.known, known);
      entry.misses = known?.kind === 'present' ? 0 : entry.misses + 1;
      entry.known = known ?? entry.known;
      if (changed) for (const listener of [...entry.listeners]) listener();
      this.#queue.addAfter(key, this.#nextReadMs(entry));
    } finally {
      for (const resolve of waiters) resolve();
    }
  }

  #nextReadMs(entry: Entry): number {
    const refreshMs = (this.#options.refreshMs ?? secretRefreshMs)(this.#entries.size);
    if (entry.misses === 0) return refreshMs;
    return Math.min(missingSecretRetryMs * 2 ** (entry.misses - 1), refreshMs);
  }

  /** What the API server says of it; `undefined` when it may not be read. */
  async #get(key: string, entry: Entry, signal: AbortSignal): Promise<Known | undefined> {
    const [namespace = '', name = ''] = key.split('/');
    try {
      const secret = await this.#options.client.get<Secret>(
        resources.secrets,
        { namespace, name },
        { signal },
      );
      return { kind: 'present', object: sentSecret(secret) };
    } catch (error) {
      if (isKubeApiError(error, 'NOT_FOUND')) return { kind: 'absent' };
      if (!isKubeApiError(error, 'FORBIDDEN')) throw error;
      if (!entry.forbiddenLogged) {
        this.#options.log.warn({ namespace, name }, 'may not read a Secret that a pod names');
      }
      entry.forbiddenLogged = true;
      return undefined;
    }
  }
}

/** How long until a Secret is read again while so many are held, in ms. */
export function secretRefreshMs(held: number): number {
  const inTurnMs = (held * 1_000) / secretReadsPerSecond;
  return Math.min(Math.max(inTurnMs, minSecretAgeMs), maxSecretAgeMs);
}

function isSame(a: Known, b: Known): boolean {
  if (a.kind !== b.kind) return false;
  if (a.kind !== 'present' || b.kind !== 'present') return true;
  return a.object.uid === b.object.uid && a.object.version === b.object.version;
}
