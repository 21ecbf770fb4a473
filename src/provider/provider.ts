import { X509Certificate } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { WebSocket } from 'ws';
import type { Pod } from '../kube/api.ts';
import { caRequestAnnotation } from '../kube/ca-roll.ts';
import { nodeNameOf } from '../kube/site.ts';
import { acceptTunnel } from '../tunnel/accept.ts';
import { maxTimerMs } from '../tunnel/clock.ts';
import { ClusterCaches } from './cluster-caches.ts';
import { discoverTrustBundles } from './discover-trust-bundles.ts';
import { KubeJoinSites } from './join/kube-join-sites.ts';
import { providerInfoName, publishProviderInfo } from './join/provider-info.ts';
import { NoJoin } from './join/no-join.ts';
import { SiteJoin } from './join/site-join.ts';
import { SiteRenewal } from './join/site-renewal.ts';
import { KubeClient, type ServerVersion } from './kube-client/kube-client.ts';
import { loadKubeConfig } from './kube-client/kube-config.ts';
import { type ClientCa, ClientCaFile, PublishedClientCa } from './kubelet-api/client-ca.ts';
import { KubeletApi } from './kubelet-api/kubelet-api.ts';
import { ProviderError } from './errors.ts';
import { Lifecycle } from './lifecycle.ts';
import { syncTimeoutMs } from './limits.ts';
import { defaultPublicAddress, type ProviderOptions } from './options.ts';
import { MetricsServer, type MetricsServerOptions } from './metrics/metrics-server.ts';
import { type MetricSources, providerMetrics } from './metrics/provider-metrics.ts';
import { CertificateAuthority } from './pki/authority.ts';
import { CaRoll, type CaRollOptions } from './pki/ca-roll.ts';
import { loadOrCreateCa } from './pki/ca-secret.ts';
import { ClusterServingCertificate } from './pki/cluster-serving-certificate.ts';
import { KubeCaSecrets } from './pki/kube-ca-secrets.ts';
import { ServingCertificate } from './pki/serving-certificate.ts';
import { SvidFiles } from './pki/svid-files.ts';
import { ServingSecret } from './pki/serving-secret.ts';
import { AdmittedPods } from './pod/admitted-pods.ts';
import { PodIndex } from './pod/pod-index.ts';
import { preflight } from './preflight.ts';
import { probeAddress, probePorts } from './probe-address.ts';
import { EventRecorder } from './report/event-recorder.ts';
import { EventWriter } from './report/event-writer.ts';
import { ConnectedNodes } from './site/connected-nodes.ts';
import { SiteDirectory } from './site/site-directory.ts';
import type { SitePeer } from './site/site-peer.ts';
import { SiteRegistry } from './site/site-registry.ts';
import type { StreamServer } from './site/site-session.ts';
import { SiteControllers } from './site-controllers.ts';
import { TunnelServer } from './tunnel-server/tunnel-server.ts';

/** The cloud side of Towline: all that is constructed, in the order in which it starts. */
export class Provider {
  readonly #options: ProviderOptions & { version: string; log: Logger };
  readonly #log: Logger;
  readonly #lifecycle: Lifecycle;
  readonly #failure = Promise.withResolvers<never>();

  constructor(options: ProviderOptions & { version: string; log: Logger }) {
    this.#options = options;
    this.#log = options.log;
    this.#lifecycle = new Lifecycle(options.log);
    // Also thrown where nobody waits any more.
    this.#failure.promise.catch(() => undefined);
  }

  /**
   * Serves until the signal aborts, then stops what it started in reverse order.
   * @throws ProviderError, KubeApiError, PkiError, TunnelServerError when it can't start.
   */
  async run(signal: AbortSignal): Promise<void> {
    try {
      await this.#start(signal);
      await Promise.race([aborted(signal), this.#failure.promise]);
      this.#log.info('stopping');
    } finally {
      await this.#lifecycle.stop();
    }
  }

  async #start(signal: AbortSignal): Promise<void> {
    const { namespace, trustDomain, siteLifetimeMs, nodeAddress, version } = this.#options;
    const { client, server } = this.#connect();
    // Whoever can't serve must not begin to tell the cluster where its nodes are.
    await this.#probeAddresses();
    const serverVersion = await preflight(client, { ...this.#options, server, signal });
    const secrets = new KubeCaSecrets(client, namespace);
    const { pairs } = await loadOrCreateCa({ secrets, trustDomain, nowMs: Date.now(), signal });
    const authority = new CertificateAuthority({
      ...{ keyPair: pairs.current, next: pairs.next, trustDomain, siteLifetimeMs },
    });
    const certificate = new ServingCertificate({ authority, names: servingNames(this.#options) });
    this.#begin('certificates', certificate);
    const svid = await this.#svid();
    const keys = svid === undefined ? 'joined' : 'any';

    const events = new EventWriter({ client, log: this.#log });
    const recorder = new EventRecorder({ writer: events, log: this.#log });
    const { caches, pods } = await this.#cache(client, recorder, signal);
    const sites = new SiteDirectory(caches.sites);
    const registry = new SiteRegistry({ graceMs: this.#options.disconnectGraceMs, log: this.#log });

    const admitted = new AdmittedPods({ pods, sites, nodes: caches.nodes });
    const kubelet = await this.#kubeletApi(client, certificate, {
      ...{ registry, sites, pods: admitted },
    });
    const controllers = new SiteControllers({
      ...{ client, authority, caches, pods, admitted, sites, registry, events, recorder },
      log: this.#log,
      listener: kubelet,
      keys,
      portRange: this.#options.kubeletPorts,
      servesHostIPs: serverVersion.minor >= hostIPsSince,
      facts: {
        ...{ address: nodeAddress, kubeletVersion: kubeletVersion(serverVersion, version) },
        apiMinor: serverVersion.minor,
      },
    });
    this.#begin('controllers', controllers);

    const kubeSites = new KubeJoinSites(client);
    const joiner = new SiteJoin({
      ...{ sites: kubeSites, authority, log: this.#log },
      siteOfToken: (tokenHash) => sites.ofToken(tokenHash),
    });
    const renewer = new SiteRenewal({ sites: kubeSites, authority, log: this.#log });
    const notReady = (): string | undefined => (signal.aborted ? 'stopping' : undefined);
    const tunnels = new TunnelServer({
      ...(svid === undefined
        ? { authority, certificate, joiner, renewer }
        : { authority: svid, certificate: svid, joiner: new NoJoin(), renewer: new NoJoin() }),
      keys,
      sites: {
        cached: ({ tenant, name }) => caches.sites.get(tenant, name),
        read: (site, abort) => kubeSites.read(site, abort),
      },
      onTunnel: (peer, ws) => {
        this.#connected(peer, ws, registry, controllers);
      },
      notReady,
      log: this.#log,
    });
    const sources: MetricSources = {
      connectedSites: () => registry.nodeNames().length,
      strangers: () => ({ tunnels: tunnels.strangers, 'kubelet API': kubelet.strangers }),
    };
    await this.#serveMetrics({
      metrics: () => providerMetrics(sources),
      notReady: () => notReady() ?? (tunnels.listening ? undefined : 'takes no sites'),
    });
    const known = { authority, spiffeId: svid?.spiffeId };
    const publish = await this.#listen(client, known, tunnels, registry, () => sites.nodeNames());
    this.#rollCa(caches, {
      ...{ authority, secrets, sites: () => caches.sites.list(), log: this.#log },
      request: () =>
        caches.configMaps.get(namespace, providerInfoName)?.metadata.annotations?.[
          caRequestAnnotation
        ],
      onChange: async (abort) => {
        certificate.renew();
        controllers.certificates.authorityChanged();
        await publish(abort);
      },
    });
  }

  /** What an outside SPIFFE authority says who is who, where there is one. */
  async #svid(): Promise<SvidFiles | undefined> {
    const { svid: names, trustDomain } = this.#options;
    if (names === undefined) return undefined;
    const svid = await SvidFiles.load({ names, trustDomain, log: this.#log });
    this.#begin('SVID', svid);
    return svid;
  }

  async #serveMetrics(options: MetricsServerOptions): Promise<void> {
    const { metricsListen } = this.#options;
    if (metricsListen === undefined) return;
    const server = new MetricsServer(options);
    await server.listen(metricsListen);
    this.#lifecycle.onStop('metrics', () => server.close());
  }

  async #probeAddresses(): Promise<void> {
    const { listen, kubeletListen, kubeletPorts, metricsListen } = this.#options;
    await probeAddress('--listen', listen.host, listen.port);
    await probeAddress('--kubelet-listen', kubeletListen);
    await probePorts('--kubelet-ports', kubeletListen, kubeletPorts);
    if (metricsListen === undefined) return;
    await probeAddress('--metrics-listen', metricsListen.host, metricsListen.port);
  }

  #connect(): { client: KubeClient; server: string } {
    const config = loadKubeConfig({ file: this.#options.kubeconfig });
    const userAgent = `towline-provider/${this.#options.version}`;
    const client = new KubeClient({ config, log: this.#log, userAgent });
    this.#lifecycle.onStop('API client', () => client.close());
    return { client, server: config.getCurrentCluster()?.server ?? '' };
  }

  async #cache(
    client: KubeClient,
    recorder: EventRecorder,
    signal: AbortSignal,
  ): Promise<{ caches: ClusterCaches; pods: PodIndex }> {
    const trustBundles = await discoverTrustBundles(client, { log: this.#log, signal });
    const caches: ClusterCaches = new ClusterCaches({
      ...{ client, trustBundles },
      log: this.#log,
      onRejectedPod: (object, problem) => {
        const pod = object as Partial<Pod> | null;
        if (pod?.metadata === undefined) return;
        const { namespace, name } = pod.metadata;
        pods.reject(`${namespace ?? ''}/${name}`, String(pod.spec?.nodeName));
        const full = { apiVersion: 'v1', kind: 'Pod', metadata: pod.metadata };
        recorder.warn(full, 'InvalidPod', `This pod is not brought to its site: ${problem}`);
      },
    });
    const pods = new PodIndex(caches.pods);
    this.#begin('caches', caches);
    await Promise.race([caches.synced(syncTimeoutMs), this.#failure.promise]);
    return { caches, pods };
  }

  async #kubeletApi(
    client: KubeClient,
    certificate: ServingCertificate,
    parts: { registry: SiteRegistry; pods: AdmittedPods; sites: SiteDirectory },
  ): Promise<KubeletApi> {
    const clientCa = await this.#clientCa(client);
    const issued = await this.#clusterServing(client);
    const nodes = new ConnectedNodes({ ...parts, lastSeen: lastSeenIn(parts) });
    const api = new KubeletApi({
      tls: () => {
        const { certificate: cert, privateKey: key } = issued?.current ?? certificate.current;
        return { cert, key };
      },
      clientCa: () => clientCa.current(),
      kube: client,
      nodes,
      host: this.#options.kubeletListen,
      log: this.#log,
    });
    this.#lifecycle.onStop('kubelet API', () => api.close());
    return api;
  }

  /** The cluster's certificate for the kubelet API, where it is wanted; the own one serves until it is there. */
  async #clusterServing(client: KubeClient): Promise<ClusterServingCertificate | undefined> {
    const { kubeletServing, namespace, nodeAddress } = this.#options;
    if (kubeletServing !== 'cluster') return undefined;
    const secret = new ServingSecret(client, namespace);
    const names = [nodeAddress];
    const issued = new ClusterServingCertificate({ client, secret, names, log: this.#log });
    await issued.load();
    this.#begin('kubelet certificate', issued);
    return issued;
  }

  async #clientCa(client: KubeClient): Promise<ClientCa> {
    const { kubeletClientCa: file } = this.#options;
    const log = this.#log;
    const clientCa =
      file === undefined
        ? new PublishedClientCa({ kube: client, log })
        : await loadClientCa(file, log);
    this.#begin('client CA', clientCa);
    return clientCa;
  }

  #connected(
    peer: SitePeer,
    ws: WebSocket,
    registry: SiteRegistry,
    controllers: SiteControllers,
  ): void {
    const nodeName = nodeNameOf(peer.site);
    const session = acceptTunnel(ws, {
      onStream: (stream) => {
        onStream(stream);
      },
    });
    const serve: StreamServer = (stream, head) => controllers.streams.serve(nodeName, stream, head);
    const onStream = registry.connect(nodeName, session, serve, peer);
  }

  async #listen(
    client: KubeClient,
    { authority, spiffeId }: { authority: CertificateAuthority; spiffeId: string | undefined },
    tunnels: TunnelServer,
    registry: SiteRegistry,
    nodeNames: () => string[],
  ): Promise<(signal?: AbortSignal) => Promise<void>> {
    const { listen, namespace } = this.#options;
    this.#lifecycle.onStop('tunnel listener', () => tunnels.close());
    const { port } = await tunnels.listen(listen);
    registry.start(nodeNames);
    this.#lifecycle.onStop('tunnels', () => {
      tunnels.refuseNew();
      return registry.stop(this.#options.drainGraceMs);
    });
    const given = this.#options.publicAddresses;
    const addresses = given.length > 0 ? given : [defaultPublicAddress(this.#options, port)];
    const publish = (signal?: AbortSignal): Promise<void> => {
      const { caHash, nextCaHash } = authority;
      const withSignal = signal === undefined ? {} : { signal };
      return publishProviderInfo({
        ...{ client, namespace, addresses, caHash, nextCaHash, spiffeId, ...withSignal },
      });
    };
    await publish();
    const { nodeAddress } = this.#options;
    const { caHash } = authority;
    this.#log.info({ listen: { ...listen, port }, addresses, nodeAddress, caHash }, 'ready');
    return publish;
  }

  #rollCa(caches: ClusterCaches, options: CaRollOptions): void {
    const roll = new CaRoll(options);
    caches.sites.subscribe(() => {
      roll.siteChanged();
    });
    caches.configMaps.subscribe(({ object: { metadata } }) => {
      const { namespace } = this.#options;
      if (metadata.namespace === namespace && metadata.name === providerInfoName) roll.look();
    });
    this.#begin('CA', roll);
  }

  #begin(name: string, part: { run(signal: AbortSignal): Promise<void> }): void {
    this.#lifecycle.start(name, part, (error) => {
      this.#failure.reject(error);
    });
  }
}

/** @throws ProviderError `FLAG_INVALID` */
async function loadClientCa(file: string, log: Logger): Promise<ClientCa> {
  try {
    const clientCa = await ClientCaFile.load({ file, log });
    for (const bundle of clientCa.current()) new X509Certificate(bundle);
    return clientCa;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const text = `--kubelet-client-ca: ${file} has no certificates that can be read (${why}): give the PEM file of the CA that the API server's client certificate is from`;
    throw new ProviderError('FLAG_INVALID', text, { cause });
  }
}

/** Minor version of Kubernetes 1 from which on `status.hostIPs` of pods is there by default. */
const hostIPsSince = 29;

/** As a node of this control plane would say, and who it really is. */
function kubeletVersion(server: ServerVersion, version: string): string {
  return `v${server.major}.${server.minor}.0-towline.${version}`;
}

/** Names under which the provider is reached, by sites and by the API server. */
function servingNames(options: ProviderOptions): string[] {
  const { host } = options.listen;
  const names = new Set([
    ...options.publicAddresses.map((address) => new URL(address).hostname.replace(/^\[|\]$/g, '')),
    options.nodeAddress,
    ...(host === '0.0.0.0' || host === '::' ? [] : [host]),
    'localhost',
    '127.0.0.1',
  ]);
  return [...names];
}

/** When a site was last seen: by this process, or as its Site says. */
function lastSeenIn(parts: {
  registry: SiteRegistry;
  sites: SiteDirectory;
}): (nodeName: string) => Date | undefined {
  return (nodeName) => {
    const known = parts.registry.lastSeenMs(nodeName);
    const ms = known ?? Date.parse(parts.sites.get(nodeName)?.status?.lastSeen ?? '');
    return Number.isNaN(ms) ? undefined : new Date(ms);
  };
}

/** Resolves when the signal aborts. A timer keeps the process alive meanwhile. */
async function aborted(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await delay(maxTimerMs, undefined, { signal }).catch(() => undefined);
  }
}
