import type { Logger } from 'pino';
import type { KubernetesObject, Node, Pod } from '../../kube/api.ts';
import { isMirrorPod, nodeUidOf } from '../../kube/mirror-pod.ts';
import { isLeaving } from '../../kube/site.ts';
import { staticPodsDigest } from '../../protocol/digest.ts';
import type { StaticPodReport } from '../../protocol/report.ts';
import { isKubeApiError } from '../kube-client/kube-api-error.ts';
import type { KubeClient } from '../kube-client/kube-client.ts';
import { resources } from '../kube-client/resource-type.ts';
import { type PodIndex, podKeyOf } from '../pod/pod-index.ts';
import { mayHavePodsOf } from '../pod/tenancy.ts';
import { ReconcileQueue } from '../reconcile/reconcile-queue.ts';
import type { SiteDirectory } from '../site/site-directory.ts';
import type { SiteRegistry } from '../site/site-registry.ts';
import { maxMirrorWrites, mirrorRetryMs, refusedMirrorRetryMs } from './limits.ts';
import { isNamedAfter, type MirrorPlan, planMirror } from './plan-mirror.ts';
import { SiteStatics } from './site-statics.ts';

export interface MirrorControllerOptions {
  client: Pick<KubeClient, 'create' | 'delete'>;
  pods: PodIndex;
  sites: SiteDirectory;
  registry: Pick<SiteRegistry, 'linkState' | 'subscribe'>;
  /** The Node of a site, if there is one. */
  nodeOf: (nodeName: string) => Node | undefined;
  /** Told of a static pod that isn't shown. `about` is the Node. */
  onNotShown: (about: KubernetesObject, message: string) => void;
  /** Told that a device no longer has a static pod of this `namespace/name`. */
  onForgotten: (nodeName: string, podKey: string) => void;
  log: Logger;
  now?: () => number;
}

/** Where in the API a static pod is shown. */
interface Place {
  nodeName: string;
  namespace: string;
  name: string;
}

/**
 * Shows the static pods of connected sites in the API, as kubelets do: a mirror pod for each, made anew when
 * somebody deletes it, replaced with its file and removed with it. Level-based on the newest list of a site.
 */
export class MirrorController {
  readonly #options: MirrorControllerOptions;
  readonly #queue: ReconcileQueue;
  readonly #sites = new Map<string, SiteStatics>();
  readonly #clock: { now: () => number };

  constructor(options: MirrorControllerOptions) {
    this.#options = options;
    this.#clock = { now: options.now ?? ((): number => performance.now()) };
    this.#queue = new ReconcileQueue({
      name: 'mirror-pods',
      reconcile: (key, signal) => this.#reconcile(placeOf(key), signal),
      concurrency: maxMirrorWrites,
      log: options.log,
    });
    options.pods.subscribe(({ pod, nodeName }) => {
      const { namespace = '', name } = pod.metadata;
      const isTold = this.#sites.get(nodeName)?.get(namespace, name) !== undefined;
      if (isTold || isMirrorPod(pod)) this.#queue.add(keyOf(nodeName, podKeyOf(pod)));
    });
    options.registry.subscribe((nodeName) => {
      this.review(nodeName);
    });
    options.sites.subscribe((nodeName) => {
      if (options.sites.known(nodeName) === undefined) this.#tell(nodeName, undefined);
      else this.review(nodeName);
    });
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#queue.run(signal);
  }

  /** Digest of what a site told last; `undefined` when this process has been told nothing. */
  digestOf(nodeName: string): string | undefined {
    return this.#sites.get(nodeName)?.digest;
  }

  /** Takes all static pods that a site has; a list with the digest of the last one says nothing new. */
  told(nodeName: string, pods: readonly StaticPodReport[]): void {
    if (this.digestOf(nodeName) !== staticPodsDigest(pods)) this.#tell(nodeName, pods);
  }

  /** Whether a site has told that it has this static pod, and may have one of that name there. */
  has(nodeName: string, pod: Pick<StaticPodReport, 'namespace' | 'name' | 'uid'>): boolean {
    const { sites } = this.#options;
    const { namespace, name, uid } = pod;
    const tenant = sites.idOf(nodeName)?.tenant;
    return (
      tenant !== undefined &&
      this.#sites.get(nodeName)?.get(namespace, name)?.uid === uid &&
      isNamedAfter(name, nodeName) &&
      mayHavePodsOf(namespace, { tenant, site: sites.get(nodeName) })
    );
  }

  /** Whether it is also shown, or about to be. */
  shows(nodeName: string, pod: Pick<StaticPodReport, 'namespace' | 'name' | 'uid'>): boolean {
    const told = this.#sites.get(nodeName)?.get(pod.namespace, pod.name);
    return told?.uid === pod.uid && this.#plan(nodeName, told)?.ok === true;
  }

  #tell(nodeName: string, pods: readonly StaticPodReport[] | undefined): void {
    const statics = this.#sites.get(nodeName) ?? new SiteStatics(this.#clock);
    const before = statics.keys;
    statics.set(pods ?? []);
    if (pods === undefined) this.#sites.delete(nodeName);
    else this.#sites.set(nodeName, statics);
    const now = new Set(statics.keys);
    for (const key of before) if (!now.has(key)) this.#options.onForgotten(nodeName, key);
    for (const key of before) this.#queue.add(keyOf(nodeName, key));
    this.review(nodeName);
  }

  /** Looks at all of a site's again: its link, its Site or its Node has changed. */
  review(nodeName: string): void {
    for (const key of this.#sites.get(nodeName)?.keys ?? []) this.#queue.add(keyOf(nodeName, key));
    for (const pod of this.#options.pods.ofNode(nodeName)) {
      if (isMirrorPod(pod)) this.#queue.add(keyOf(nodeName, podKeyOf(pod)));
    }
  }

  async #reconcile(place: Place, signal: AbortSignal): Promise<void> {
    const { nodeName, namespace, name } = place;
    const { registry, pods } = this.#options;
    const statics = this.#sites.get(nodeName);
    // As of a kubelet that is down: nothing is known of what is there, and nothing is changed.
    if (statics === undefined || registry.linkState(nodeName) !== 'connected') return;
    if (!this.#isItsNode(nodeName)) {
      this.#queue.addAfter(keyAt(place), refusedMirrorRetryMs);
      return;
    }
    const told = statics.get(namespace, name);
    const plan = told && this.#plan(nodeName, told);
    const pod = pods.get(namespace, name);
    if (pod !== undefined) statics.taken.delete(`${namespace}/${name}`);
    if (pod !== undefined && isMirrorPod(pod) && pod.spec.nodeName === nodeName) {
      if (isMirrorOf(pod, plan)) return;
      await this.#write(place, statics, () => this.#delete(pod, signal));
    } else if (plan?.ok === false) this.#notShown(place, plan.message);
    else if (plan !== undefined && pod !== undefined) {
      this.#notShown(place, 'another pod has its name');
    } else if (plan !== undefined) {
      await this.#write(place, statics, () => this.#create(place, statics, plan.pod, signal));
    }
  }

  /** What hangs at a Node that isn't the site's is not its to change; a Site that goes takes all along. */
  #isItsNode(nodeName: string): boolean {
    const site = this.#options.sites.get(nodeName);
    const leaves = site !== undefined && isLeaving(site);
    return leaves || this.#options.nodeOf(nodeName) !== undefined;
  }

  /** `undefined` where the site has no Node, or is being deleted. */
  #plan(nodeName: string, told: StaticPodReport): MirrorPlan | undefined {
    const { sites, nodeOf } = this.#options;
    const site = sites.get(nodeName);
    const node = nodeOf(nodeName);
    const tenant = sites.idOf(nodeName)?.tenant;
    if (site === undefined || isLeaving(site) || node === undefined || tenant === undefined) {
      return undefined;
    }
    return planMirror(told, { node, tenant, site });
  }

  async #write(place: Place, statics: SiteStatics, write: () => Promise<void>): Promise<void> {
    if (statics.writes.take()) await write();
    else this.#queue.addAfter(keyAt(place), mirrorRetryMs);
  }

  async #create(place: Place, statics: SiteStatics, pod: Pod, signal: AbortSignal): Promise<void> {
    const { namespace } = place;
    try {
      await this.#options.client.create(resources.pods, pod, { namespace, signal });
      this.#options.log.info({ pod: place }, 'a static pod is shown');
    } catch (error) {
      if (isKubeApiError(error, 'ALREADY_EXISTS')) {
        this.#alreadyThere(place, statics);
      } else if (isKubeApiError(error, 'FORBIDDEN', 'INVALID', 'NOT_FOUND', 'CONFLICT')) {
        this.#notShown(place, error.message);
        this.#queue.addAfter(keyAt(place), refusedMirrorRetryMs);
      } else throw error;
    }
  }

  /** The watch may be late; when it still doesn't show the pod, that is one which can't be used, and of others. */
  #alreadyThere(place: Place, { taken }: SiteStatics): void {
    const key = `${place.namespace}/${place.name}`;
    if (!taken.has(key)) {
      taken.add(key);
      this.#queue.addAfter(keyAt(place), mirrorRetryMs);
      return;
    }
    this.#notShown(place, 'another pod has its name');
    this.#queue.addAfter(keyAt(place), refusedMirrorRetryMs);
  }

  async #delete({ metadata }: Pod, signal: AbortSignal): Promise<void> {
    const { uid, namespace, name } = metadata;
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

  #notShown({ nodeName, namespace, name }: Place, message: string): void {
    const text = `Static pod ${namespace}/${name} runs, and is not shown in the API: ${message}`;
    const statics = this.#sites.get(nodeName);
    const isNew = statics?.isNewRefusal(`${namespace}/${name}`, message) === true;
    if (statics?.events.take() !== true) {
      if (isNew) this.#options.log.info({ node: nodeName }, text);
      return;
    }
    // As a kubelet's events about its node.
    const metadata = { name: nodeName, uid: nodeName };
    this.#options.onNotShown({ apiVersion: 'v1', kind: 'Node', metadata }, text);
  }
}

/** Source: kubelet, pkg/kubelet/pod, IsMirrorPodOf; and one that is being deleted is made anew. */
function isMirrorOf(pod: Pod, plan: MirrorPlan | undefined): boolean {
  return (
    plan?.ok === true &&
    pod.metadata.deletionTimestamp === undefined &&
    nodeUidOf(pod) === nodeUidOf(plan.pod)
  );
}

function keyOf(nodeName: string, podKey: string): string {
  return `${nodeName}/${podKey}`;
}

function keyAt({ nodeName, namespace, name }: Place): string {
  return keyOf(nodeName, `${namespace}/${name}`);
}

/** None of the three has a slash in it that the API knows; others lead to nothing. */
function placeOf(key: string): Place {
  const [nodeName = '', namespace = '', name = ''] = key.split('/');
  return { nodeName, namespace, name };
}
