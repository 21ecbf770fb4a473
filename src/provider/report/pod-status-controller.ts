import type { Logger } from 'pino';
import type { Pod, PodStatus } from '../../kube/api.ts';
import { isMirrorPod, nodeUidOf } from '../../kube/mirror-pod.ts';
import { objectVersion } from '../../protocol/digest.ts';
import type { PodReport } from '../../protocol/report.ts';
import { isKubeApiError } from '../kube-client/kube-api-error.ts';
import type { KubeClient } from '../kube-client/kube-client.ts';
import type { OwnWrites } from '../kube-client/own-writes.ts';
import type { HeldObjects } from '../desired/plan-delta.ts';
import { resources } from '../kube-client/resource-type.ts';
import { maxPodWrites, statusWrites } from '../limits.ts';
import { type PodIndex, podKeyOf } from '../pod/pod-index.ts';
import type { Refusal } from '../pod/refusal.ts';
import { ReconcileQueue } from '../reconcile/reconcile-queue.ts';
import type { SiteRegistry } from '../site/site-registry.ts';
import { desiredStatus, isFinished } from './desired-status.ts';
import { LeavingPods } from './leaving-pods.ts';
import { planStatusPatch } from './plan-status-patch.ts';
import { WriteRate } from './write-rate.ts';

export interface PodStatusControllerOptions {
  client: Pick<KubeClient, 'patch' | 'delete'>;
  pods: PodIndex;
  /** Over the informer that keeps `pods`. */
  writes: OwnWrites<Pod>;
  registry: Pick<SiteRegistry, 'linkState' | 'subscribe'>;
  /** Whether a node is a site's, and not a machine that has the name. */
  isSiteNode: (nodeName: string) => boolean;
  /** Why a pod must not get to its site. */
  refusalOf: (pod: Pod) => Refusal | undefined;
  /** Whether a site has told of a static pod, which may be in the API only later. */
  hasStaticPod: (nodeName: string, pod: Pick<PodReport, 'namespace' | 'name' | 'uid'>) => boolean;
  /** InternalIP of the sites' Nodes. */
  hostIP: string;
  /** Whether this API server knows `status.hostIPs`. */
  servesHostIPs: boolean;
  /** Told of a status that the API server doesn't take. */
  onRefused: (pod: Pod, message: string) => void;
  /** Told of a pod that must not get to its site, when that is written into its status. */
  onForbidden: (pod: Pod, refusal: Refusal) => void;
  log: Logger;
  nowMs?: () => number;
}

/** The newest report of a pod. */
interface Reported {
  nodeName: string;
  /** As its node knows it. */
  uid: string;
  gone: boolean;
  status: PodStatus;
}

/**
 * Keeps the statuses of the sites' pods in the API at what their sites last said, and ends pods
 * that are gone from their sites. Level-based: only the newest report of a pod counts, and whoever
 * else changes a status finds it changed back.
 */
export class PodStatusController {
  readonly #options: PodStatusControllerOptions;
  readonly #queue: ReconcileQueue;
  readonly #rate = new WriteRate(statusWrites);
  /** By `namespace/name`. */
  readonly #reports = new Map<string, Reported>();
  /**
   * Digest of a wanted status and what came of it, by uid: an old API server drops fields that it
   * doesn't know, and would be sent them for ever.
   */
  readonly #outcomes = new Map<string, string>();
  readonly #leaving: LeavingPods;

  constructor(options: PodStatusControllerOptions) {
    this.#options = options;
    this.#leaving = new LeavingPods(() => this.#nowMs());
    this.#queue = new ReconcileQueue({
      name: 'pod-status',
      reconcile: (key, signal) => this.#reconcile(key, signal),
      concurrency: maxPodWrites,
      log: options.log,
    });
    options.pods.subscribe(({ pod, nodeName, gone }) => {
      const key = podKeyOf(pod);
      if (gone) this.#forget(key, pod);
      else if (
        this.#reports.has(key) ||
        options.registry.linkState(nodeName) === 'lost' ||
        options.refusalOf(pod) !== undefined
      ) {
        this.#queue.add(key);
      }
    });
    options.registry.subscribe((nodeName) => {
      this.#leaving.linkChanged(nodeName);
      this.review(nodeName);
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    const { pods, refusalOf } = this.#options;
    for (const pod of pods.nodeNames().flatMap((nodeName) => pods.ofNode(nodeName))) {
      if (refusalOf(pod) !== undefined) this.#queue.add(podKeyOf(pod));
    }
    await this.#queue.run(signal);
  }

  /** Looks at all pods of a node again, for what is allowed there may have changed. */
  review(nodeName: string): void {
    for (const pod of this.#options.pods.ofNode(nodeName)) this.#queue.add(podKeyOf(pod));
  }

  /** Takes what a site has acknowledged to hold, and which pods still end there, where it says so. */
  held(nodeName: string, held: HeldObjects, ending?: readonly string[]): void {
    for (const key of this.#leaving.held(nodeName, held, ending)) this.#queue.add(key);
  }

  /** The Site is gone. */
  forgetSite(nodeName: string): void {
    this.#leaving.linkChanged(nodeName);
  }

  /** Drops what is kept of a static pod, as `namespace/name`, that its device no longer has. */
  forgetStaticPod(nodeName: string, key: string): void {
    const [namespace = '', name = ''] = key.split('/');
    const isThere = this.#options.pods.get(namespace, name) !== undefined;
    if (!isThere && this.#reports.get(key)?.nodeName === nodeName) this.#reports.delete(key);
  }

  /** Takes a report; resolves when the API has it, or the pod isn't the site's. */
  async report(nodeName: string, report: PodReport): Promise<void> {
    const { namespace, name, uid, gone, status } = report;
    if (!this.#concerns(nodeName, report)) {
      this.#options.log.debug({ node: nodeName, pod: { namespace, name, uid } }, 'report dropped');
      return;
    }
    const key = `${namespace}/${name}`;
    this.#reports.set(key, { nodeName, uid, gone, status });
    await this.#queue.settle(key);
  }

  /** A pod of the site's, or one of its static pods: its mirror pod may be there, be an older one's, or come. */
  #concerns(nodeName: string, report: PodReport): boolean {
    const pod = this.#options.pods.get(report.namespace, report.name);
    if (pod !== undefined && pod.spec.nodeName !== nodeName) return false;
    if (pod === undefined || isMirrorPod(pod)) return this.#options.hasStaticPod(nodeName, report);
    return pod.metadata.uid === report.uid && this.#options.refusalOf(pod) === undefined;
  }

  async #reconcile(key: string, signal: AbortSignal): Promise<void> {
    const [namespace = '', name = ''] = key.split('/');
    const { pods, writes } = this.#options;
    const pod = pods.get(namespace, name) && writes.newest(namespace, name);
    const nodeName = pod?.spec.nodeName;
    if (pod === undefined || nodeName === undefined || !this.#options.isSiteNode(nodeName)) return;
    const report = this.#reports.get(key);
    const isItsOwn = report?.uid === nodeUidOf(pod) && report?.nodeName === nodeName;
    const reported = isItsOwn ? report : undefined;
    const refusal = this.#options.refusalOf(pod);
    const mayRunOn = refusal !== undefined && reported?.gone !== true && this.#mayRunOn(pod);
    if (!mayRunOn) this.#leaving.forget(pod);
    const desired = desiredStatus(pod, {
      ...{ refusal, mayRunOn },
      reported: statusOf(reported),
      link: this.#options.registry.linkState(nodeName),
      hostIP: this.#options.hostIP,
      servesHostIPs: this.#options.servesHostIPs,
      nowMs: this.#nowMs(),
    });
    if (desired !== undefined) {
      if (refusal !== undefined) this.#options.onForbidden(pod, refusal);
      await this.#write(pod, desired, signal);
    }
    const isDone = reported?.gone === true || (refusal !== undefined && !mayRunOn);
    if (isDone && pod.metadata.deletionTimestamp !== undefined) {
      await this.#delete(pod, signal);
    }
  }

  /**
   * Whether a pod that its site must not have any more may run there yet. Once it has failed its name is as
   * good as free, for the API server deletes such a pod at once, and a StatefulSet makes another one of the
   * same identity.
   */
  #mayRunOn(pod: Pod): boolean {
    const { status = {} } = pod;
    if (status.startTime === undefined || isFinished(status)) return false;
    const remainingMs = this.#leaving.remainingMs(pod);
    if (remainingMs === 0) return false;
    if (remainingMs !== undefined) this.#queue.addAfter(podKeyOf(pod), remainingMs);
    return true;
  }

  #nowMs(): number {
    return (this.#options.nowMs ?? Date.now)();
  }

  async #write(pod: Pod, desired: PodStatus, signal: AbortSignal): Promise<void> {
    const patch = planStatusPatch(pod, desired);
    const { uid = '', namespace, name } = pod.metadata;
    if (patch === undefined || this.#isInVain(pod, desired)) return;
    await this.#rate.turn(signal);
    try {
      const written = await this.#options.client.patch<Pod>(
        resources.pods,
        { namespace, name },
        patch,
        { patchType: 'strategic-merge', subresource: 'status', signal },
      );
      // What is gone meanwhile would be kept for ever.
      if (this.#options.pods.get(namespace ?? '', name) !== undefined) {
        this.#options.writes.note(written);
      }
      if (planStatusPatch(written, desired) !== undefined) {
        this.#outcomes.set(uid, outcomeOf(written, desired));
      }
    } catch (error) {
      if (isKubeApiError(error, 'NOT_FOUND', 'CONFLICT')) return;
      if (!isKubeApiError(error, 'INVALID')) throw error;
      this.#outcomes.set(uid, outcomeOf(pod, desired));
      this.#options.onRefused(pod, error.message);
    }
  }

  /** Whether it was tried already, and nothing has changed since. */
  #isInVain(pod: Pod, desired: PodStatus): boolean {
    const outcome = this.#outcomes.get(pod.metadata.uid ?? '');
    return outcome !== undefined && outcome === outcomeOf(pod, desired);
  }

  async #delete(pod: Pod, signal: AbortSignal): Promise<void> {
    const { uid, namespace, name } = pod.metadata;
    await this.#rate.turn(signal);
    try {
      await this.#options.client.delete(
        resources.pods,
        { namespace, name },
        { ...(uid === undefined ? {} : { uid }), gracePeriodSeconds: 0, signal },
      );
    } catch (error) {
      if (!isKubeApiError(error, 'NOT_FOUND', 'CONFLICT')) throw error;
    }
  }

  #forget(key: string, pod: Pod): void {
    const report = this.#reports.get(key);
    const { namespace = '', name } = pod.metadata;
    const isKept =
      report !== undefined &&
      this.#options.hasStaticPod(report.nodeName, { namespace, name, uid: report.uid });
    if (!isKept) this.#reports.delete(key);
    this.#outcomes.delete(pod.metadata.uid ?? '');
    this.#leaving.forget(pod);
  }
}

/** A report that a pod is gone may come without a status: then the last one stands. */
function statusOf(report: Reported | undefined): PodStatus | undefined {
  return report?.status.phase === undefined ? undefined : report.status;
}

function outcomeOf(pod: Pod, desired: PodStatus): string {
  return objectVersion([desired, pod.status]);
}
