import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Node } from '../../kube/api.ts';
import { podRangesOf } from '../../kube/pod-ranges.ts';
import { siteLabel } from '../../kube/site.ts';
import type { Informer } from '../kube-client/informer.ts';
import type { KubeClient } from '../kube-client/kube-client.ts';
import { resources } from '../kube-client/resource-type.ts';
import { podRangeLookMs, podRangeSample, podRangeWaitMs } from '../limits.ts';

interface PodRangeWaitOptions {
  client: Pick<KubeClient, 'sample'>;
  /** Those of sites. */
  nodes: Pick<Informer<Node>, 'get' | 'list' | 'subscribe'>;
  log: Pick<Logger, 'debug'>;
  nowMs?: () => number;
  waitMs?: number;
}

/**
 * Keeps pods from a site whose Node is so new that the cluster has yet to give it its pod ranges: a
 * device changes its pod network only while it has no pods. That a cluster gives ranges at all is seen
 * by its other Nodes; where none has one, nobody waits.
 */
export class PodRangeWait {
  readonly #options: PodRangeWaitOptions;
  /** Until when it counts that no other Node had ranges. */
  #noneUntilMs = -Infinity;
  #othersHave = false;
  #look: Promise<void> | undefined;

  constructor(options: PodRangeWaitOptions) {
    this.#options = options;
  }

  /** Resolves when the site's Node has its ranges, or isn't to get any; also when the signal aborts. */
  async settled(nodeName: string, signal: AbortSignal): Promise<void> {
    if (!this.#isAwaited(nodeName) || !(await this.#givesRanges(signal))) return;
    const { nodes, waitMs = podRangeWaitMs } = this.#options;
    const done = new AbortController();
    const unsubscribe = nodes.subscribe(() => {
      if (!this.#isAwaited(nodeName)) done.abort();
    });
    try {
      if (!this.#isAwaited(nodeName)) return;
      const either = AbortSignal.any([signal, done.signal]);
      await delay(waitMs, undefined, { signal: either }).catch(() => undefined);
    } finally {
      unsubscribe();
    }
  }

  /** A Node that the watch has yet to show is a new one. */
  #isAwaited(nodeName: string): boolean {
    const node = this.#options.nodes.get(undefined, nodeName);
    if (node === undefined) return true;
    if (podRangesOf(node).length > 0) return false;
    const bornMs = Date.parse(node.metadata.creationTimestamp ?? '');
    return this.#nowMs() - bornMs < (this.#options.waitMs ?? podRangeWaitMs);
  }

  /** Also false when the signal aborts, and where nothing can be learned, which is no answer for others. */
  async #givesRanges(signal: AbortSignal): Promise<boolean> {
    if (this.#othersHave || this.#options.nodes.list().some(hasRanges)) return true;
    if (this.#nowMs() < this.#noneUntilMs) return false;
    this.#look ??= this.#lookAtOthers().finally(() => {
      this.#look = undefined;
    });
    const isEnough = new AbortController();
    const aborted = once(signal, 'abort', { signal: isEnough.signal }).catch(() => undefined);
    if (!signal.aborted) await Promise.race([this.#look, aborted]);
    isEnough.abort();
    return this.#othersHave;
  }

  /** One for all sites that ask meanwhile, so that none of them ends it. Never rejects. */
  async #lookAtOthers(): Promise<void> {
    const { client, log, waitMs = podRangeWaitMs } = this.#options;
    try {
      const labelSelector = `!${siteLabel}`;
      const signal = AbortSignal.timeout(waitMs);
      const selection = { labelSelector, limit: podRangeSample, signal };
      this.#othersHave = (await client.sample<Node>(resources.nodes, selection)).some(hasRanges);
      if (!this.#othersHave) this.#noneUntilMs = this.#nowMs() + podRangeLookMs;
    } catch (err) {
      log.debug({ err }, 'it is not known whether the cluster gives its nodes pod ranges');
    }
  }

  #nowMs(): number {
    return (this.#options.nowMs ?? Date.now)();
  }
}

function hasRanges(node: Node): boolean {
  return podRangesOf(node).length > 0;
}
