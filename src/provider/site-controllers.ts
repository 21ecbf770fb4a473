import type { Logger } from 'pino';
import type { ClusterCaches } from './cluster-caches.ts';
import { ClaimSource } from './desired/claim-source.ts';
import { ConfigMapSource } from './desired/config-map-source.ts';
import { nodeSource, runtimeClassSource } from './desired/named-sources.ts';
import { SecretSource } from './desired/secret-source.ts';
import { trustAnchorsSource } from './desired/trust-anchors-source.ts';
import { serviceLinks } from './desired/service-links.ts';
import type { KeyPolicy } from './join/site-key.ts';
import { KubeJoinSites } from './join/kube-join-sites.ts';
import type { KubeClient } from './kube-client/kube-client.ts';
import { OwnWrites } from './kube-client/own-writes.ts';
import type { Runnable } from './lifecycle.ts';
import { tokenRequests } from './limits.ts';
import { MirrorController } from './mirror/mirror-controller.ts';
import { LeaseKeeper } from './node/lease-keeper.ts';
import { NodeController } from './node/node-controller.ts';
import { PodRangeWait } from './node/pod-range-wait.ts';
import type { ProviderFacts } from './node/plan-node-status.ts';
import { PortAllocator, type PortListener, type PortRange } from './node/port-allocator.ts';
import type { CertificateAuthority } from './pki/authority.ts';
import type { AdmittedPods } from './pod/admitted-pods.ts';
import type { PodIndex } from './pod/pod-index.ts';
import { TolerationController } from './pod/toleration-controller.ts';
import type { EventRecorder } from './report/event-recorder.ts';
import type { EventWriter } from './report/event-writer.ts';
import { PodStatusController } from './report/pod-status-controller.ts';
import { SiteWriteRates } from './report/site-write-rates.ts';
import { SiteReports } from './report/site-reports.ts';
import { WriteRate } from './report/write-rate.ts';
import { DrainController } from './site/drain-controller.ts';
import { KeyWatch } from './site/key-watch.ts';
import { SiteCertificates } from './site/site-certificates.ts';
import type { SiteDirectory } from './site/site-directory.ts';
import type { SiteRegistry } from './site/site-registry.ts';
import { SiteStatusController } from './site/site-status-controller.ts';
import { SiteStreams } from './site/site-streams.ts';

export interface SiteControllersOptions {
  client: KubeClient;
  authority: CertificateAuthority;
  caches: ClusterCaches;
  /** All that are bound. */
  pods: PodIndex;
  /** Those that sites may have. */
  admitted: AdmittedPods;
  sites: SiteDirectory;
  registry: SiteRegistry;
  events: EventWriter;
  recorder: EventRecorder;
  listener: PortListener;
  portRange: PortRange;
  facts: Omit<ProviderFacts, 'kubeletPort'>;
  /** By default the key with which a site joined. */
  keys?: KeyPolicy;
  /** Whether this API server knows `status.hostIPs` of pods. */
  servesHostIPs: boolean;
  log: Logger;
}

/** Everything that works on the cluster for the sites, wired together. */
export class SiteControllers implements Runnable {
  readonly streams: SiteStreams;
  readonly certificates: SiteCertificates;
  readonly #parts: Runnable[];

  constructor(options: SiteControllersOptions) {
    const { client, pods, admitted, sites, registry, recorder, log } = options;
    const siteStatus = new SiteStatusController({
      ...{ client, sites, registry, log },
      reportOf: (nodeName) => nodes.reportOf(nodeName),
    });
    const nodes: NodeController = nodeController(options, siteStatus);
    const isSiteNode = (nodeName: string): boolean => nodes.nodeOf(nodeName) !== undefined;
    const leases = new LeaseKeeper({
      ...{ client, log },
      nodeToRenew: (nodeName) => nodes.nodeToRenew(nodeName),
    });
    renewWhenNeeded(options, leases);
    const mirrors = new MirrorController({
      ...{ client, pods, sites, registry, log },
      nodeOf: (nodeName) => nodes.nodeOf(nodeName),
      onNotShown: (node, message) => {
        recorder.warn(node, 'StaticPodNotShown', message);
      },
      onForgotten: (nodeName, podKey) => {
        statuses.forgetStaticPod(nodeName, podKey);
      },
    });
    const statuses: PodStatusController = new PodStatusController({
      ...{ client, pods, registry, isSiteNode, log },
      writes: new OwnWrites(options.caches.pods),
      hasStaticPod: (nodeName, pod) => mirrors.has(nodeName, pod),
      hostIP: options.facts.address,
      servesHostIPs: options.servesHostIPs,
      refusalOf: (pod) => admitted.refusalOf(pod),
      onForbidden: (pod, { reason, event }) => {
        recorder.warn(pod, reason, event);
      },
      onRefused: (pod, message) => {
        recorder.warn(pod, 'StatusRefused', `The API server refused a status: ${message}`);
      },
    });
    reviewWhenNeeded(options, statuses, mirrors);
    const tolerations = new TolerationController({
      ...{ client, pods, sites, registry, isSiteNode, log },
      onInvalidPolicy: (site, message) => {
        recorder.warn(site, 'InvalidSite', message);
      },
    });
    const rates = new SiteWriteRates();
    const tokenRate = new WriteRate(tokenRequests);
    sites.subscribe((nodeName) => {
      if (sites.known(nodeName) !== undefined) return;
      rates.forget(nodeName);
      statuses.forgetSite(nodeName);
    });
    const secrets = new SecretSource({ client, log });
    const ranges = new PodRangeWait({ client, nodes: options.caches.nodes, log });
    this.streams = new SiteStreams({
      ...{ pods: admitted, log },
      sources: {
        ConfigMap: new ConfigMapSource({ configMaps: options.caches.configMaps, client }),
        Secret: secrets,
        ServiceLinks: serviceLinks(options.caches.services),
        RuntimeClass: runtimeClassSource(options.caches.runtimeClasses),
        Node: nodeSource(options.caches.nodes),
        TrustAnchors: trustAnchorsSource(options.caches.trustBundles),
        VolumeClaim: new ClaimSource({
          claims: options.caches.claims,
          volumes: options.caches.volumes,
          client,
        }),
      },
      nodeExists: async (nodeName, signal) => {
        if (!(await nodes.exists(nodeName, signal))) return false;
        await ranges.settled(nodeName, signal);
        return !signal.aborted;
      },
      reports: (nodeName) =>
        new SiteReports({
          ...{ nodeName, client, statuses, nodes, mirrors, log },
          ...{ pods: admitted, events: options.events, tokenRate },
          turn: () => rates.turn(nodeName),
          takeToken: () => rates.takeToken(nodeName),
          onNodeReport: () => {
            siteStatus.changed(nodeName);
          },
        }),
      onHeld: (nodeName, held, ending) => {
        statuses.held(nodeName, held, ending);
      },
      onOversized: (object) => {
        const { namespace, name, uid } = object;
        const about = { apiVersion: 'v1', kind: object.kind, metadata: { namespace, name, uid } };
        recorder.warn(about, 'ObjectTooLarge', 'This object is too large to be brought to a site.');
      },
    });
    this.certificates = new SiteCertificates({
      ...{ authority: options.authority, registry, log },
      onHeld: (nodeName, caHash) => {
        siteStatus.caHash(nodeName, caHash);
      },
    });
    const kubeSites = new KubeJoinSites(client);
    const keys = new KeyWatch({
      ...{ sites, registry, log },
      ...(options.keys === undefined ? {} : { keys: options.keys }),
      read: (site, signal) => kubeSites.read(site, signal),
    });
    const drains = new DrainController({ client, sites, pods, registry, log });
    this.#parts = [nodes, siteStatus, leases, statuses, tolerations, secrets];
    this.#parts.push(this.certificates, keys, drains, mirrors);
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#parts.map((part) => part.run(signal)));
  }
}

function nodeController(
  options: SiteControllersOptions,
  siteStatus: SiteStatusController,
): NodeController {
  const { client, caches, sites, registry, facts, recorder, log } = options;
  return new NodeController({
    ...{ client, sites, registry, facts, log },
    nodes: caches.nodes,
    ports: new PortAllocator({
      listener: options.listener,
      range: options.portRange,
      reserved: () => caches.sites.list().flatMap((site) => site.status?.kubeletPort ?? []),
      log,
    }),
    onPort: (nodeName, port) => {
      siteStatus.port(nodeName, port);
    },
    onInvalidSite: (site, message) => {
      const text = `Labels or taints of this Site are not brought to its node: ${message}`;
      recorder.warn(site, 'InvalidSite', text);
    },
    onEvent: (node, { type, reason, message }) => {
      recorder.record(node, { type, reason, message });
    },
    onNameTaken: (site, nodeName) => {
      const message = `A node named ${nodeName} exists already that is not this site's: delete or rename one of them.`;
      recorder.warn(site, 'NodeNameTaken', message);
    },
  });
}

/** What a site may have follows from its Site, and nothing is said of pods before it has its Node. */
function reviewWhenNeeded(
  options: SiteControllersOptions,
  statuses: PodStatusController,
  mirrors: MirrorController,
): void {
  options.sites.subscribe((nodeName) => {
    statuses.review(nodeName);
  });
  options.caches.nodes.subscribe((change) => {
    if (change.type === 'set' && change.previous === undefined) {
      statuses.review(change.object.metadata.name);
      mirrors.review(change.object.metadata.name);
    }
  });
}

/** A Node that is new and a site that connects are reasons to renew at once. */
function renewWhenNeeded(options: SiteControllersOptions, leases: LeaseKeeper): void {
  options.caches.nodes.subscribe((change) => {
    if (change.type === 'set' && change.previous === undefined) {
      leases.renew(change.object.metadata.name);
    }
  });
  for (const node of options.caches.nodes.list()) leases.renew(node.metadata.name);
  options.registry.subscribe((nodeName) => {
    leases.renew(nodeName);
  });
}
