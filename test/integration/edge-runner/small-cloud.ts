import { randomBytes } from 'node:crypto';
import { pino } from 'pino';
import type { Identity } from '../../../src/edge-runner/join/identity.ts';
import { joinSite } from '../../../src/edge-runner/join/join-site.ts';
import { parseProviderAddresses } from '../../../src/edge-runner/join/provider-address.ts';
import type { ConfigMap, Pod } from '../../../src/kube/api.ts';
import { nodeNameOf } from '../../../src/kube/site.ts';
import type { EventReport, NodeReport, PodReport } from '../../../src/protocol/report.ts';
import { desiredKinds } from '../../../src/protocol/sync.ts';
import type { DesiredSources } from '../../../src/provider/desired/desired-site.ts';
import type { ObjectSource } from '../../../src/provider/desired/object-source.ts';
import { sentConfigMap } from '../../../src/provider/desired/sent-object.ts';
import { WatchSource } from '../../../src/provider/desired/watch-source.ts';
import { PodIndex } from '../../../src/provider/pod/pod-index.ts';
import type { ReportSink } from '../../../src/provider/report/report-server.ts';
import { SiteRegistry } from '../../../src/provider/site/site-registry.ts';
import { SiteStreams } from '../../../src/provider/site/site-streams.ts';
import { acceptTunnel } from '../../../src/tunnel/accept.ts';
import { CacheFake, emptySource } from '../../unit/provider/desired/desired-fixture.ts';
import { startProvider, type ProviderFixture } from '../join/provider-fixture.ts';

/**
 * The provider's own listener, sync and report exchanges in this process, with no cluster behind them:
 * what it desires and what it was told is in memory.
 */
export class SmallCloud {
  readonly pods = new CacheFake<Pod>();
  readonly configMaps = new CacheFake<ConfigMap>();
  /** What sites said last of their devices. */
  node: NodeReport | undefined;
  readonly statuses = new Map<string, PodReport>();
  readonly events: EventReport[] = [];
  readonly #streams: SiteStreams;
  readonly #registry = new SiteRegistry({ graceMs: 60_000, log });
  #listener: ProviderFixture | undefined;

  private constructor() {
    const sources: Record<string, ObjectSource> = Object.fromEntries(
      desiredKinds.map((kind) => [kind, emptySource]),
    );
    sources['ConfigMap'] = configMapSource(this.configMaps);
    this.#streams = new SiteStreams({
      pods: new PodIndex(this.pods),
      sources: sources as DesiredSources,
      nodeExists: () => Promise.resolve(true),
      reports: () => this.#sink(),
      onOversized: () => undefined,
      log,
    });
  }

  /** @param host address at which devices reach it. */
  static async start(host: string): Promise<SmallCloud> {
    const cloud = new SmallCloud();
    cloud.#listener = await startProvider({
      host,
      onTunnel: (peer, ws) => {
        const nodeName = nodeNameOf(peer.site);
        const session = acceptTunnel(ws, {
          onStream: (stream) => {
            onStream(stream);
          },
        });
        const onStream = cloud.#registry.connect(nodeName, session, (stream, head) =>
          cloud.#streams.serve(nodeName, stream, head),
        );
      },
    });
    return cloud;
  }

  /** Makes a state directory that of a site, as `towline-runner join` does. */
  async join(site: string, dir: string): Promise<Identity> {
    const token = randomBytes(20).toString('hex');
    this.#provider.sites.add(site, token);
    return joinSite({
      ...{ tenant: 'acme', site, token, dir, force: true, environment: {} },
      caHash: this.#provider.authority.caHash,
      addresses: parseProviderAddresses(this.#provider.url),
      signal: AbortSignal.timeout(30_000),
    });
  }

  /** A condition of the device, as it last said it. */
  condition(type: string): NodeReport['conditions'][number] | undefined {
    return this.node?.conditions.find((condition) => condition.type === type);
  }

  async close(): Promise<void> {
    await this.#registry.stop(0);
    await this.#provider.close();
  }

  get #provider(): ProviderFixture {
    if (this.#listener === undefined) throw new TypeError('it was not started');
    return this.#listener;
  }

  #sink(): ReportSink {
    return {
      known: () => this.node,
      staticPodsDigest: () => undefined,
      staticPods: () => Promise.resolve(),
      admitted: () => Promise.resolve(true),
      node: (report) => taken(() => (this.node = report)),
      pod: (report) => taken(() => this.statuses.set(report.name, report)),
      event: (event) => taken(() => this.events.push(event)),
      token: () => Promise.resolve({ ok: false, message: 'no tokens here', retryable: true }),
    };
  }
}

const log = pino({ level: 'silent' });

function configMapSource(objects: CacheFake<ConfigMap>): ObjectSource {
  return new WatchSource<ConfigMap>({
    objects,
    concerns: ({ metadata }, namespace, name) =>
      metadata.namespace === namespace && metadata.name === name,
    make: (namespace, name) => {
      const found = objects.get(namespace, name);
      return found && sentConfigMap(found);
    },
  });
}

function taken(take: () => unknown): Promise<void> {
  take();
  return Promise.resolve();
}
