import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Pod } from '../../kube/api.ts';
import type { ChangedObject, PodManager } from '../pod/pod-manager.ts';
import type { Outbox } from '../report/outbox.ts';
import type { DesiredState } from '../sync/desired-state.ts';

interface DesiredPodsOptions {
  state: DesiredState;
  outbox: Pick<Outbox, 'podUids'>;
  /** Pods of the device itself. */
  staticPods?: () => readonly Pod[];
  pods: Pick<PodManager, 'removeOrphans' | 'removeReplaced' | 'setDesired' | 'endingBesides'>;
  /** Brings the pod network to what the state says, before pods do; undefined: there is nothing to wait for. */
  followNetwork?: () => Promise<void> | undefined;
  log: Pick<Logger, 'info' | 'warn'>;
}

/** How soon the runtime is asked again, in ms. */
const retryMs = 5_000;

/**
 * Hands the desired state to the pods. What runs and isn't in it is ended, but not before the cloud
 * has told everything: a runner that has lost its store mustn't stop what it merely forgot.
 */
export class DesiredPods {
  readonly #options: DesiredPodsOptions;
  #orphansAreGone = false;
  #catchingUp: Promise<void> = Promise.resolve();

  constructor(options: DesiredPodsOptions) {
    this.#options = options;
  }

  /** Before there is a link. @throws CriError when the runtime can't say what it has. */
  async start(): Promise<void> {
    if (!this.#options.state.isComplete) {
      this.#options.log.info(
        'the store is new: what runs is left alone until the provider says more',
      );
    }
    await this.#removeOrphans();
    this.#setDesired([]);
  }

  /** The desired state has changed, `touched` in it. Never throws. */
  changed(touched: readonly ChangedObject[], signal: AbortSignal): void {
    const network = this.#options.followNetwork?.();
    if (network === undefined && this.#orphansAreGone) this.#setDesired(touched);
    else {
      const before = Promise.all([this.#catchingUp, network]);
      this.#catchingUp = before.then(() => this.#catchUp(touched, signal));
    }
  }

  /**
   * Ends what the runtime and the disk have of pods that nobody desires: a safety net, for every pod
   * has its worker. False while it isn't known yet which pods are desired. @throws CriError
   */
  async removeLeftovers(): Promise<boolean> {
    if (this.#orphansAreGone) await this.#options.pods.removeOrphans();
    return this.#orphansAreGone;
  }

  /** Uids of pods that aren't desired and aren't gone; `undefined` while it isn't known which are desired. */
  ending(): string[] | undefined {
    return this.#orphansAreGone ? this.#options.pods.endingBesides(this.#desired) : undefined;
  }

  /** Resolves when nothing is under way; abort the signal first. */
  stopped(): Promise<void> {
    return this.#catchingUp;
  }

  async #catchUp(touched: readonly ChangedObject[], signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        if (!this.#orphansAreGone) await this.#removeOrphans();
        this.#setDesired(touched);
        return;
      } catch (error) {
        this.#options.log.warn({ err: error }, 'the runtime does not say which pods it has');
        await delay(retryMs, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  async #removeOrphans(): Promise<void> {
    const { state, outbox, pods } = this.#options;
    const { isComplete } = state;
    if (isComplete) await pods.removeOrphans(this.#desired, outbox.podUids());
    else await pods.removeReplaced(this.#desired);
    this.#orphansAreGone = isComplete;
  }

  #setDesired(touched: readonly ChangedObject[]): void {
    this.#options.pods.setDesired(this.#desired, touched);
  }

  get #desired(): Pod[] {
    const { state, staticPods } = this.#options;
    return [...state.pods(), ...(staticPods?.() ?? [])];
  }
}
