import { randomBytes } from 'node:crypto';
import { pino, type Logger } from 'pino';
import type { WebSocket } from 'ws';
import type { Site } from '../../../src/kube/site.ts';
import { SiteRenewal } from '../../../src/provider/join/site-renewal.ts';
import { SiteJoin, type JoinSites } from '../../../src/provider/join/site-join.ts';
import { tokenHashOf } from '../../../src/provider/join/token.ts';
import { CertificateAuthority, createCa } from '../../../src/provider/pki/authority.ts';
import type { KeyPairPem } from '../../../src/provider/pki/key-pair.ts';
import { ServingCertificate } from '../../../src/provider/pki/serving-certificate.ts';
import type { SiteId } from '../../../src/provider/pki/site-identity.ts';
import type { SitePeer } from '../../../src/provider/site/site-peer.ts';
import type { TunnelSites } from '../../../src/provider/tunnel-server/admission.ts';
import type { OnTunnel } from '../../../src/provider/tunnel-server/tunnel-upgrades.ts';
import {
  TunnelServer,
  type TunnelServerOptions,
} from '../../../src/provider/tunnel-server/tunnel-server.ts';

/** Sites in memory that behave as an API server does: versions, conflicts, a cache that lags. */
export class MemorySites implements JoinSites, TunnelSites {
  readonly #sites = new Map<string, Site>();
  cacheLags = false;
  /** Called after each write, before its answer goes out. */
  afterWrite: () => void = () => undefined;

  /** Adds a site with a join token that lasts for a minute, or as long as told. */
  add(name: string, token: string, ttlMs = 60_000): void {
    const expiresAt = new Date(Date.now() + ttlMs).toISOString();
    this.#sites.set(`acme/${name}`, {
      metadata: { namespace: 'acme', name, resourceVersion: randomBytes(4).toString('hex') },
      spec: { join: { tokenHash: tokenHashOf(token), expiresAt } },
    });
  }

  get(name: string): Site | undefined {
    return this.#sites.get(`acme/${name}`);
  }

  delete(name: string): void {
    this.#sites.delete(`acme/${name}`);
  }

  cached(site: SiteId): Site | undefined {
    return this.cacheLags ? undefined : this.#sites.get(`${site.tenant}/${site.name}`);
  }

  read(site: SiteId): Promise<Site | undefined> {
    return Promise.resolve(structuredClone(this.#sites.get(`${site.tenant}/${site.name}`)));
  }

  writeStatus(site: Site): Promise<'written' | 'conflict' | 'gone'> {
    const key = `${site.metadata.namespace ?? ''}/${site.metadata.name}`;
    const stored = this.#sites.get(key);
    if (stored === undefined) return Promise.resolve('gone');
    if (stored.metadata.resourceVersion !== site.metadata.resourceVersion) {
      return Promise.resolve('conflict');
    }
    const resourceVersion = randomBytes(4).toString('hex');
    this.#sites.set(key, { ...site, metadata: { ...site.metadata, resourceVersion } });
    this.afterWrite();
    return Promise.resolve('written');
  }
}

export interface ProviderFixture {
  sites: MemorySites;
  authority: CertificateAuthority;
  caPair: KeyPairPem;
  certificate: ServingCertificate;
  port: number;
  url: string;
  tunnels: { site: SiteId; peer: SitePeer; ws: WebSocket }[];
  /** Why /readyz says no. */
  notReady: { reason: string | undefined };
  close(): Promise<void>;
}

export interface FixtureOptions {
  names?: string[];
  sites?: MemorySites;
  /** Clock of the CA and its certificates; the listener itself goes by the real one. */
  issuedAtMs?: () => number;
  /** Clock of everything at the provider. */
  nowMs?: () => number;
  timeouts?: TunnelServerOptions['timeouts'];
  /** In place of the limit. */
  maxStrangers?: number;
  port?: number;
  /** Where it listens; loopback by default. */
  host?: string;
  siteLifetimeMs?: number;
  onTunnel?: OnTunnel;
  /** Where it logs; nowhere by default. */
  log?: Logger;
}

/** A real listener of a provider on loopback; its certificate is for `names`. */
export async function startProvider(options: FixtureOptions = {}): Promise<ProviderFixture> {
  const nowMs = options.issuedAtMs ?? options.nowMs ?? Date.now;
  const trustDomain = 'towline';
  const keyPair = createCa({ trustDomain, nowMs: nowMs() });
  const authority = new CertificateAuthority({
    ...{ keyPair, trustDomain, nowMs },
    ...(options.siteLifetimeMs === undefined ? {} : { siteLifetimeMs: options.siteLifetimeMs }),
  });
  const sites = options.sites ?? new MemorySites();
  const { log = pino({ enabled: false }) } = options;
  const tunnels: ProviderFixture['tunnels'] = [];
  const notReady: ProviderFixture['notReady'] = { reason: undefined };
  const host = options.host ?? '127.0.0.1';
  const names = options.names ?? [host, 'localhost'];
  const certificate = new ServingCertificate({ authority, names, nowMs });
  const server = new TunnelServer({
    ...(options.timeouts === undefined ? {} : { timeouts: options.timeouts }),
    ...(options.nowMs === undefined ? {} : { nowMs: options.nowMs }),
    ...(options.maxStrangers === undefined ? {} : { maxStrangers: options.maxStrangers }),
    renewer: new SiteRenewal({ sites, authority, log }),
    authority,
    certificate,
    joiner: new SiteJoin({ sites, authority, log }),
    sites,
    onTunnel: (peer, ws) => {
      tunnels.push({ site: peer.site, peer, ws });
      options.onTunnel?.(peer, ws);
    },
    notReady: () => notReady.reason,
    log,
  });
  const { port } = await server.listen({ host, port: options.port ?? 0 });
  return {
    sites,
    authority,
    caPair: keyPair,
    certificate,
    port,
    url: `wss://${host}:${port}`,
    tunnels,
    notReady,
    close: () => server.close(),
  };
}
