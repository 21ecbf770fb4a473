import type { Logger } from 'pino';
import type { Node, NodeStatus } from '../../kube/api.ts';
import type { Site } from '../../kube/site.ts';
import type { NodeReport } from '../../protocol/report.ts';
import type { Informer } from '../kube-client/informer.ts';
import { isKubeApiError } from '../kube-client/kube-api-error.ts';
import type { KubeClient } from '../kube-client/kube-client.ts';
import { OwnWrites } from '../kube-client/own-writes.ts';
import { resources } from '../kube-client/resource-type.ts';
import { maxNodeWrites, nameTakenRetryMs, nodeStatusIntervalMs } from '../limits.ts';
import { omit } from '../omit.ts';
import { ReconcileQueue } from '../reconcile/reconcile-queue.ts';
import type { SiteDirectory } from '../site/site-directory.ts';
import type { SiteRegistry } from '../site/site-registry.ts';
import { NodeAnnouncer, type TellNodeEvent } from './node-announcer.ts';
import { judgeAbilities } from './node-abilities.ts';
import { managedAnnotation, newNode, planNodePatch, standsFor, wantedNode } from './plan-node.ts';
import {
  connectedStatus,
  disconnectedReason,
  lostStatus,
  planNodeStatusPatch,
  type ProviderFacts,
} from './plan-node-status.ts';

/** Opens one kubelet API port per node. */
export interface KubeletPorts {
  /** Port of a node's kubelet API, opened if need be: the preferred one when it is free. */
  open(nodeName: string, preferred: number | undefined): Promise<number>;
  close(nodeName: string): Promise<void>;
}

export interface NodeControllerOptions {
  client: Pick<KubeClient, 'get' | 'create' | 'patch' | 'delete'>;
  nodes: Pick<Informer<Node>, 'get' | 'list' | 'lists' | 'subscribe'>;
  sites: SiteDirectory;
  registry: Pick<SiteRegistry, 'linkState' | 'lastSeenMs' | 'forget' | 'subscribe'>;
  ports: KubeletPorts;
  facts: Omit<ProviderFacts, 'kubeletPort'>;
  /** Told when a node's port is known or changed. */
  onPort: (nodeName: string, port: number) => void;
  /** Told when a Node of the site's name exists that isn't the site's. */
  onNameTaken: (site: Site, nodeName: string) => void;
  /** Told of labels or taints of a Site that no Node can have. */
  onInvalidSite: (site: Site, message: string) => void;
  /** Told of what has become of a Node whose site is connected, once the cluster has it. */
  onEvent: TellNodeEvent;
  log: Logger;
  nowMs?: () => number;
}

/** Makes, keeps and removes the Node of every site that has ever reported. */
export class NodeController {
  readonly #options: NodeControllerOptions;
  readonly #queue: ReconcileQueue;
  readonly #reports = new Map<string, NodeReport>();
  readonly #writes: OwnWrites<Node>;
  readonly #announcer: NodeAnnouncer;
  readonly #waiters = new Map<string, Set<(exists: boolean) => void>>();
  /** Fields of a status that this API server knows by its version, and drops, for their feature is off. */
  readonly #dropped = new Set<string>();

  constructor(options: NodeControllerOptions) {
    this.#options = options;
    this.#queue = new ReconcileQueue({
      name: 'nodes',
      reconcile: (nodeName, signal) => this.#reconcile(nodeName, signal),
      concurrency: maxNodeWrites,
      log: options.log,
    });
    this.#writes = new OwnWrites(options.nodes);
    this.#announcer = new NodeAnnouncer(options.onEvent, () => this.#nowMs());
    options.nodes.subscribe((change) => {
      const { name } = change.object.metadata;
      if (change.type === 'set') this.#announce(name);
      this.#queue.add(name);
    });
    options.sites.subscribe((nodeName) => {
      this.#queue.add(nodeName);
    });
    options.registry.subscribe((nodeName) => {
      this.#queue.add(nodeName);
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    for (const node of this.#options.nodes.list()) this.#queue.add(node.metadata.name);
    await this.#queue.run(signal);
  }

  /** Takes a site's report; resolves when its Node says so. */
  report(nodeName: string, report: NodeReport): Promise<void> {
    this.#reports.set(nodeName, report);
    return this.#queue.settle(nodeName);
  }

  /** The newest report of this process' time. */
  reportOf(nodeName: string): NodeReport | undefined {
    return this.#reports.get(nodeName);
  }

  /** The Node of a site, if there is one. A machine that has the name isn't it. */
  nodeOf(nodeName: string): Node | undefined {
    const id = this.#options.sites.idOf(nodeName);
    const node = this.#writes.newest(undefined, nodeName);
    return node !== undefined && id !== undefined && standsFor(node, id) ? node : undefined;
  }

  /**
   * Waits until the site has its Node; before that it has no claim on the pods bound to it.
   * @returns false when the signal aborts first.
   */
  async exists(nodeName: string, signal: AbortSignal): Promise<boolean> {
    if (this.nodeOf(nodeName) !== undefined) return true;
    if (signal.aborted) return false;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const waiters = this.#waiters.get(nodeName) ?? new Set();
    this.#waiters.set(nodeName, waiters.add(resolve));
    const giveUp = (): void => {
      resolve(false);
    };
    signal.addEventListener('abort', giveUp, { once: true });
    const exists = await promise;
    signal.removeEventListener('abort', giveUp);
    waiters.delete(resolve);
    if (waiters.size === 0) this.#waiters.delete(nodeName);
    return exists;
  }

  /** The Node whose Lease is to be renewed: its site is there, or hasn't been away for long. */
  nodeToRenew(nodeName: string): Node | undefined {
    const link = this.#options.registry.linkState(nodeName);
    if (link === 'lost') return undefined;
    const node = this.nodeOf(nodeName);
    const ready = node?.status?.conditions?.find(({ type }) => type === 'Ready');
    return link === 'away' && ready?.reason === disconnectedReason ? undefined : node;
  }

  async #reconcile(nodeName: string, signal: AbortSignal): Promise<void> {
    const site = this.#options.sites.get(nodeName);
    if (site === undefined) await this.#remove(nodeName, signal);
    else if (this.nodeOf(nodeName) === undefined) await this.#create(site, nodeName, signal);
    else await this.#update(site, nodeName, signal);
  }

  async #remove(nodeName: string, signal: AbortSignal): Promise<void> {
    const node = this.nodeOf(nodeName);
    this.#options.registry.forget(nodeName);
    this.#reports.delete(nodeName);
    this.#announcer.forget(nodeName);
    await this.#options.ports.close(nodeName);
    if (node === undefined) return;
    try {
      const { uid } = node.metadata;
      await this.#options.client.delete(
        resources.nodes,
        { name: nodeName },
        { ...(uid === undefined ? {} : { uid }), signal },
      );
      this.#options.log.info({ node: nodeName }, 'node of a deleted site removed');
    } catch (error) {
      if (!isKubeApiError(error, 'NOT_FOUND', 'CONFLICT')) throw error;
    }
    this.#writes.forget(undefined, nodeName);
  }

  async #create(site: Site, nodeName: string, signal: AbortSignal): Promise<void> {
    const report = this.#reports.get(nodeName);
    if (report === undefined || this.#options.registry.linkState(nodeName) !== 'connected') return;
    const facts = await this.#facts(site, nodeName);
    const status = connectedStatus({ report, facts, current: undefined, nowMs: this.#nowMs() });
    const node = newNode(wantedNode(site, report.nodeInfo), status);
    try {
      await this.#register(node, signal);
    } catch (error) {
      if (isKubeApiError(error, 'ALREADY_EXISTS')) await this.#reclaim(site, report, signal);
      else if (isKubeApiError(error, 'INVALID') && site.spec !== undefined) {
        this.#options.onInvalidSite(site, error.message);
        await this.#create(omit(site, 'spec'), nodeName, signal);
      } else throw error;
    }
  }

  async #register(node: Node, signal: AbortSignal): Promise<void> {
    const { name } = node.metadata;
    const created = await this.#options.client.create<Node>(resources.nodes, node, { signal });
    this.#writes.note(created);
    this.#options.log.info({ node: name }, 'node created');
    this.#announce(name);
  }

  /** A Node that isn't seen as the site's: ours if it bears our annotation, only the labels went. */
  async #reclaim(site: Site, report: NodeReport, signal: AbortSignal): Promise<void> {
    const wanted = wantedNode(site, report.nodeInfo);
    const ref = { name: wanted.name };
    const node = await this.#options.client.get<Node>(resources.nodes, ref, { signal });
    if (node.metadata.annotations?.[managedAnnotation] === undefined) {
      this.#options.onNameTaken(site, wanted.name);
      this.#queue.addAfter(wanted.name, nameTakenRetryMs);
      return;
    }
    const patch = planNodePatch(node, wanted);
    if (patch !== undefined) await this.#patch(wanted.name, patch, 'merge', signal);
    this.#announce(wanted.name);
    this.#queue.add(wanted.name);
  }

  async #update(site: Site, nodeName: string, signal: AbortSignal): Promise<void> {
    const facts = await this.#facts(site, nodeName);
    const report = this.#reports.get(nodeName);
    const link = this.#options.registry.linkState(nodeName);
    const existing = this.nodeOf(nodeName);
    if (existing === undefined) return;
    const node = await this.#label(site, existing, report, signal);
    const current = node.status;
    const nowMs = this.#nowMs();
    if (link === 'lost') {
      const lastSeenMs = this.#options.registry.lastSeenMs(nodeName) ?? lastSeenOf(site);
      await this.#patchStatus(node, lostStatus({ current, lastSeenMs, nowMs }), signal);
    } else if (link === 'connected' && report !== undefined) {
      const status = connectedStatus({ report, facts, current, nowMs });
      await this.#patchStatus(node, status, signal);
      this.#announcer.announce(node, status);
      this.#queue.addAfter(nodeName, nodeStatusIntervalMs);
    }
  }

  /** Labels and taints that the API server refuses don't keep the status from being written. */
  async #label(
    site: Site,
    node: Node,
    report: NodeReport | undefined,
    signal: AbortSignal,
  ): Promise<Node> {
    const info = report?.nodeInfo ?? node.status?.nodeInfo;
    const patch = info === undefined ? undefined : planNodePatch(node, wantedNode(site, info));
    if (patch === undefined) return node;
    try {
      return await this.#patch(node.metadata.name, patch, 'merge', signal);
    } catch (error) {
      if (!isKubeApiError(error, 'INVALID')) throw error;
      this.#options.onInvalidSite(site, error.message);
      return node;
    }
  }

  async #patchStatus(node: Node, wanted: NodeStatus, signal: AbortSignal): Promise<void> {
    const patch = planNodeStatusPatch(node.status, wanted, this.#nowMs(), this.#dropped);
    if (patch === undefined) return;
    const written = await this.#patch(
      node.metadata.name,
      { metadata: { uid: node.metadata.uid }, ...patch },
      'strategic-merge',
      signal,
    );
    for (const [field, isDropped] of judgeAbilities(wanted, written.status)) {
      if (isDropped) this.#dropped.add(field);
      else this.#dropped.delete(field);
    }
  }

  async #patch(
    nodeName: string,
    patch: object,
    patchType: 'merge' | 'strategic-merge',
    signal: AbortSignal,
  ): Promise<Node> {
    const node = await this.#options.client.patch<Node>(
      resources.nodes,
      { name: nodeName },
      patch,
      { patchType, signal, ...(patchType === 'merge' ? {} : { subresource: 'status' }) },
    );
    this.#writes.note(node);
    return node;
  }

  async #facts(site: Site, nodeName: string): Promise<ProviderFacts> {
    const kubeletPort = await this.#options.ports.open(nodeName, site.status?.kubeletPort);
    this.#options.onPort(nodeName, kubeletPort);
    return { ...this.#options.facts, kubeletPort };
  }

  #announce(nodeName: string): void {
    if (this.nodeOf(nodeName) === undefined) return;
    for (const resolve of this.#waiters.get(nodeName) ?? []) resolve(true);
  }

  #nowMs(): number {
    return (this.#options.nowMs ?? Date.now)();
  }
}

function lastSeenOf(site: Site): number | undefined {
  const ms = Date.parse(site.status?.lastSeen ?? '');
  return Number.isNaN(ms) ? undefined : ms;
}
