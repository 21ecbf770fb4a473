import { pino, type Logger } from 'pino';
import type { Test } from 'tap';
import type { CriClient } from '../../../src/edge-runner/cri/cri-client.ts';
import type { Identity } from '../../../src/edge-runner/join/identity.ts';
import { loadIdentity } from '../../../src/edge-runner/join/identity-dir.ts';
import { joinSite } from '../../../src/edge-runner/join/join-site.ts';
import { parseProviderAddresses } from '../../../src/edge-runner/join/provider-address.ts';
import { SiteCredentials } from '../../../src/edge-runner/join/site-credentials.ts';
import type { PodManager } from '../../../src/edge-runner/pod/pod-manager.ts';
import type { LinkCredentials } from '../../../src/edge-runner/run/link-credentials.ts';
import { Link } from '../../../src/edge-runner/run/link.ts';
import type { NodeEndpoints } from '../../../src/edge-runner/stats/node-endpoints.ts';
import { StreamServer } from '../../../src/edge-runner/streams/stream-server.ts';
import { tokenHashOf } from '../../../src/provider/join/token.ts';
import { SiteCertificates } from '../../../src/provider/site/site-certificates.ts';
import { SiteRegistry } from '../../../src/provider/site/site-registry.ts';
import { acceptTunnel } from '../../../src/tunnel/accept.ts';
import type { Session } from '../../../src/tunnel/session.ts';
import { startProvider, type FixtureOptions, type ProviderFixture } from './provider-fixture.ts';

/** Condition-driven; tap's own time limit ends it when it never comes. */
export async function until<T>(condition: () => T | undefined | false | Promise<T>): Promise<T> {
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== false) return value;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export interface Cloud extends ProviderFixture {
  registry: SiteRegistry;
  certificates: SiteCertificates;
}

/** A provider's listener with the parts that keep connections and renew certificates. */
export async function startCloud(t: Test, options: FixtureOptions = {}): Promise<Cloud> {
  const log = pino({ enabled: false });
  const registry = new SiteRegistry({ graceMs: 60_000, log });
  const provider = await startProvider({
    ...options,
    onTunnel: (peer, ws) => {
      const session = acceptTunnel(ws, {
        onStream: (stream) => {
          onStream(stream);
        },
      });
      const nodeName = `${peer.site.name}.${peer.site.tenant}`;
      const onStream = registry.connect(nodeName, session, () => Promise.resolve(), peer);
    },
  });
  const stop = new AbortController();
  const certificates = new SiteCertificates({
    ...{ authority: provider.authority, registry, log },
    onHeld: (nodeName, caHash) => {
      const site = provider.sites.get(nodeName.split('.')[0] ?? '');
      if (site !== undefined) site.status = { ...site.status, caHash };
    },
    ...(options.nowMs === undefined ? {} : { nowMs: options.nowMs }),
  });
  const running = certificates.run(stop.signal);
  t.teardown(async () => {
    stop.abort();
    await Promise.all([running, registry.stop(0)]);
    await provider.close();
  });
  return { ...provider, registry, certificates };
}

/** Joins a site that is made for it. @returns the state directory */
export async function joinNew(
  t: Test,
  cloud: ProviderFixture,
  site = 'shop',
  options: { keyFile?: string } = {},
): Promise<string> {
  const dir = t.testdir({});
  cloud.sites.add(site, `token of ${site}`);
  await join(cloud, dir, site, `token of ${site}`, options);
  return dir;
}

/** Joins `shop` with a new token, from the same state directory. */
export async function joinAnew(cloud: ProviderFixture, dir: string): Promise<void> {
  const spec = cloud.sites.get('shop')?.spec;
  if (spec?.join === undefined) throw new TypeError('there is no site');
  spec.join = { ...spec.join, tokenHash: tokenHashOf('another token') };
  await join(cloud, dir, 'shop', 'another token');
}

/** Joins with a line that names this CA, or the one that the provider says now; with a key of its own, or this one. */
export async function join(
  cloud: ProviderFixture,
  dir: string,
  site: string,
  token: string,
  options: { caHash?: string; keyFile?: string } = {},
): Promise<void> {
  await joinSite({
    addresses: parseProviderAddresses(cloud.url),
    ...{ tenant: 'acme', site, token, dir, caHash: cloud.authority.caHash, ...options },
    force: true,
    environment: {},
    signal: AbortSignal.timeout(20_000),
  });
}

export interface Device {
  sessions: Session[];
  identity(): Identity;
  lines: { level: number; code?: string; msg: string }[];
  /** Ends the connection at the device's end. */
  hangUp(): Promise<void>;
  /** Resolves when it has ended. */
  stop(): Promise<void>;
}

/**
 * The part of a runner that keeps the link, with the identity of a state directory. `random`: in
 * place of chance, for its back-off. `keyPath`: as `loadIdentity` has it.
 */
export async function startDevice(
  t: Test,
  dir: string,
  { keyPath, ...options }: { random?: () => number; keyPath?: string } = {},
): Promise<Device> {
  const identity = await loadIdentity(dir, keyPath);
  return keepLinked(t, () => new SiteCredentials({ identity, dir, keyPath }), options);
}

/** The same with any credentials, which log with the rest. */
export function keepLinked(
  t: Test,
  credentialsOf: (log: Logger) => LinkCredentials,
  options: { random?: () => number } = {},
): Device {
  const lines: Device['lines'] = [];
  const log: Logger = pino(
    { base: null },
    { write: (line: string) => lines.push(JSON.parse(line) as Device['lines'][number]) },
  );
  const credentials = credentialsOf(log);
  // Only streams about the site itself come here.
  const nothing: unknown = undefined;
  const streams = new StreamServer({
    ...{ pods: nothing as PodManager, cri: nothing as CriClient, log },
    ...{ endpoints: nothing as NodeEndpoints, hostLogRoot: '', checkpointDir: '' },
    onCertificate: (head) => credentials.install(head),
    onLeave: () => Promise.resolve(),
  });
  const sessions: Session[] = [];
  const held = (session: Session, signal: AbortSignal): Promise<void> => {
    sessions.push(session);
    return aborted(signal);
  };
  const stop = new AbortController();
  const link = new Link({
    onState: () => undefined,
    ...{ credentials, environment: {}, streams, log, ...options },
    sync: { run: held },
    report: { run: (_session, signal) => aborted(signal) },
  });
  const running = link.run(stop.signal);
  const device = {
    ...{ sessions, lines },
    identity: () => credentials.identity,
    hangUp: async (): Promise<void> => {
      sessions.at(-1)?.close();
      await sessions.at(-1)?.closed;
    },
    stop: (): Promise<void> => {
      stop.abort();
      return running;
    },
  };
  t.teardown(() => device.stop());
  return device;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => {
      resolve();
    });
  });
}
