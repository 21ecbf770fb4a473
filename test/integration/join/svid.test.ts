import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { join } from 'node:path';
import { id_kp_serverAuth } from '@peculiar/asn1-x509';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { SvidCredentials } from '../../../src/edge-runner/join/svid-credentials.ts';
import { NoJoin } from '../../../src/provider/join/no-join.ts';
import { SvidFiles } from '../../../src/provider/pki/svid-files.ts';
import { KeyWatch } from '../../../src/provider/site/key-watch.ts';
import { SiteRegistry } from '../../../src/provider/site/site-registry.ts';
import { TunnelServer } from '../../../src/provider/tunnel-server/tunnel-server.ts';
import { acceptTunnel } from '../../../src/tunnel/accept.ts';
import type { SvidPems } from '../../../src/tunnel/svid.ts';
import { MemorySites } from './provider-fixture.ts';
import { keepLinked, until, type Device } from './site-link.ts';
import { SpiffeAuthority, svidFiles, writeSvid } from './spiffe-authority.ts';

const log = pino({ enabled: false });
const providerId = 'spiffe://example.org/towline';
const shopId = 'spiffe://example.org/tenant/acme/site/shop';

interface World {
  authority: SpiffeAuthority;
  sites: MemorySites;
  registry: SiteRegistry;
  svid: SvidFiles;
  port: number;
  /** Folders of the SVIDs of provider and device. */
  cloudDir: string;
  deviceDir: string;
  /** A Site has changed, as a watch tells. */
  siteChanged(): void;
  start(id?: string): Device;
}

/** A provider and a device that have their identities from one authority. */
async function startWorld(t: Test): Promise<World> {
  const authority = new SpiffeAuthority('spire');
  const dir = t.testdir({});
  const [cloudDir, deviceDir] = [join(dir, 'cloud'), join(dir, 'device')];
  writeSvid(cloudDir, authority.issue(providerId, { dnsName: 'towline.example.org' }));
  writeSvid(deviceDir, authority.issue(shopId));
  const trustDomain = 'example.org';
  const svid = await SvidFiles.load({ names: svidFiles(cloudDir), trustDomain, log });
  const sites = new MemorySites();
  sites.add('shop', 'unused');
  const registry = new SiteRegistry({ graceMs: 60_000, log });
  const listeners: ((nodeName: string) => void)[] = [];
  const watch = new KeyWatch({
    ...{ registry, log, keys: 'any' },
    sites: {
      get: () => sites.get('shop'),
      subscribe: (listener) => {
        listeners.push(listener);
        return () => undefined;
      },
    },
    read: (site) => sites.read(site),
  });
  const server = new TunnelServer({
    ...{ authority: svid, certificate: svid, keys: 'any', sites, log },
    ...{ joiner: new NoJoin(), renewer: new NoJoin(), notReady: () => undefined },
    onTunnel: (peer, ws) => {
      const session = acceptTunnel(ws, {
        onStream: (stream) => {
          onStream(stream);
        },
      });
      const onStream = registry.connect('shop.acme', session, () => Promise.resolve(), peer);
    },
  });
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
  const stop = new AbortController();
  const watching = watch.run(stop.signal);
  t.teardown(async () => {
    stop.abort();
    await Promise.all([watching, registry.stop(0)]);
    await server.close();
  });
  const addresses = [`wss://127.0.0.1:${port}`];
  return {
    ...{ authority, sites, registry, svid, port, cloudDir, deviceDir },
    siteChanged: () => {
      for (const listener of listeners) listener('shop.acme');
    },
    start: (id = providerId) =>
      keepLinked(
        t,
        (log) => new SvidCredentials({ ...svidFiles(deviceDir), addresses, providerId: id }, log),
        { random: () => 0.1 },
      ),
  };
}

void t.test('two ends with SVIDs connect without a join, by their SPIFFE IDs', async (t) => {
  const world = await startWorld(t);
  const device = world.start();
  const session = await until(() => world.registry.get('shop.acme'));
  t.match(session.peer, { site: { tenant: 'acme', name: 'shop' }, trustDigest: undefined });
  await until(() => device.sessions.length === 1);
  t.match(device.identity(), { tenant: 'acme', site: 'shop' });
  t.equal(world.svid.spiffeId, providerId, 'which towlinectl is told');
});

void t.test('both are rotated, keys, intermediates and root, under a connection', async (t) => {
  const world = await startWorld(t);
  const device = world.start();
  const first = await until(() => world.registry.get('shop.acme'));
  await until(() => device.sessions.length === 1);
  // As an authority rolls its root: first the bundles, then what is signed by the new one.
  const next = new SpiffeAuthority('next');
  const both = world.authority.bundle(next);
  writeSvid(world.cloudDir, { ...world.authority.issue(providerId), bundle: both });
  await world.svid.look();
  writeSvid(world.deviceDir, { ...next.issue(shopId), bundle: both }, () => {
    // A dial between two files goes on with what fitted last.
    t.notOk(device.sessions.length > 1);
  });
  await device.hangUp();
  const second = await until(
    () => world.registry.get('shop.acme') !== first && world.registry.get('shop.acme'),
  );
  t.not(second.peer?.publicKeyHash, first.peer?.publicKeyHash, 'another key');
  await until(() => device.sessions.length === 2);

  writeSvid(world.cloudDir, next.issue(providerId));
  await world.svid.look();
  t.ok(device.sessions[1]?.isOpen, 'the connection goes on');
  t.equal(world.registry.get('shop.acme'), second);
  writeSvid(world.deviceDir, next.issue(shopId));
  await device.hangUp();
  await until(() => device.sessions.length === 3);
});

void t.test('files that do not fit together are left, and the last that did count', async (t) => {
  const world = await startWorld(t);
  const before = world.svid.current.certificate;
  const other = world.authority.issue(providerId);
  const pems = world.authority.issue(providerId);
  writeSvid(world.cloudDir, { ...pems, privateKey: other.privateKey });
  await world.svid.look();
  t.equal(world.svid.current.certificate, before);
  writeSvid(world.cloudDir, world.authority.issue('spiffe://other.org/towline'));
  await world.svid.look();
  t.equal(world.svid.current.certificate, before, 'of another trust domain');
  writeSvid(world.cloudDir, pems);
  await world.svid.look();
  t.equal(world.svid.current.certificate, pems.certificate);

  const { privateKey } = other;
  writeSvid(world.deviceDir, { ...world.authority.issue(shopId), privateKey });
  await t.rejects(
    Promise.resolve().then(
      () => new SvidCredentials({ ...svidFiles(world.deviceDir), addresses: [], providerId }, log),
    ),
    { code: 'IDENTITY_INVALID', message: /the key is not that of the certificate/ },
  );
});

void t.test('whoever has another SPIFFE ID is not the provider', async (t) => {
  const world = await startWorld(t);
  const device = world.start('spiffe://example.org/other');
  await until(() => device.lines.some(({ code }) => code === 'TLS_UNTRUSTED'));
  t.equal(device.sessions.length, 0);
  const imposter = new SpiffeAuthority('imposter');
  writeSvid(world.cloudDir, imposter.issue(providerId));
  await world.svid.look();
  const second = world.start();
  await until(() => second.lines.some(({ code }) => code === 'TLS_UNTRUSTED'));
  t.equal(second.sessions.length, 0);
});

void t.test('who is no site, of another authority, expired or revoked is not let in', async (t) => {
  const world = await startWorld(t);
  const stranger = new SpiffeAuthority('stranger');
  const refusals = [
    [world.authority.issue('spiffe://example.org/tenant/acme/site/none'), /403.*does not exist/],
    [
      world.authority.issue('spiffe://other.org/tenant/acme/site/shop'),
      /401.*does not name a site/,
    ],
    [world.authority.issue(shopId, { lifetimeMs: -1_000 }), /401.*CERT_HAS_EXPIRED/],
    [{ ...stranger.issue(shopId), bundle: stranger.bundle(world.authority) }, /401.*not good/],
  ] as const;
  for (const [pems, said] of refusals) {
    writeSvid(world.deviceDir, pems);
    const device = world.start();
    await until(() => device.lines.some(({ msg }) => said.test(msg)));
    t.equal(device.sessions.length, 0, String(said));
    await device.stop();
  }
  writeSvid(world.deviceDir, world.authority.issue(shopId));
  const device = world.start();
  await until(() => device.sessions.length === 1);
  const spec = world.sites.get('shop')?.spec;
  if (spec === undefined) throw new TypeError('there is no Site');
  spec.revokedKey = '*';
  world.siteChanged();
  await until(() => device.lines.some(({ msg }) => /403: site acme\/shop was revoked/.test(msg)));
});

void t.test('an SVID that is wrong in itself opens no tunnel', async (t) => {
  const world = await startWorld(t);
  const { authority } = world;
  const good = authority.issue(shopId, { dnsName: 'shop.example' });
  const other = 'spiffe://example.org/tenant/acme/site/other';
  const forged = authority.issue(shopId, { by: authority.asIssuer(good) });
  const wrong: Record<string, SvidPems> = {
    'two URIs': authority.issue(shopId, { otherUris: [other] }),
    'no URI': authority.issue('', { dnsName: 'shop.example' }),
    'for servers alone': authority.issue(shopId, { purposes: [id_kp_serverAuth] }),
    'a CA': authority.issue(shopId, { isCa: true }),
    'by the SVID of a site': {
      ...forged,
      certificate: forged.certificate + good.certificate,
    },
  };
  const open = async ({ certificate: cert, privateKey: key, bundle: ca }: SvidPems) => {
    const url = `wss://127.0.0.1:${world.port}/v1/tunnel`;
    const ws = new WebSocket(url, { cert, key, ca, rejectUnauthorized: false });
    ws.on('error', () => undefined);
    return new Promise<number | undefined>((resolve) => {
      ws.once('open', () => {
        ws.terminate();
        resolve(101);
      });
      ws.once('unexpected-response', (_request, response: IncomingMessage) => {
        ws.terminate();
        resolve(response.statusCode);
      });
    });
  };
  for (const [what, svid] of Object.entries(wrong)) t.equal(await open(svid), 401, what);
  t.equal(await open(good), 101, 'a name of another kind is no fault');
});

void t.test('nobody joins a provider whose sites are an authority’s', async (t) => {
  const world = await startWorld(t);
  const { certificate: cert, privateKey: key, bundle: ca } = world.authority.issue(shopId);
  for (const path of ['/v1/join', '/v1/renew']) {
    const answer = await new Promise<string>((resolve, reject) => {
      const outgoing = request(
        {
          ...{ host: '127.0.0.1', port: world.port, path, method: 'POST', agent: false },
          ...{ cert, key, ca, checkServerIdentity: () => undefined },
          headers: path === '/v1/join' ? { 'content-type': 'application/json' } : {},
        },
        (response) => {
          let text = '';
          response.on('data', (chunk: Buffer) => (text += chunk.toString()));
          response.on('end', () => {
            resolve(text);
          });
        },
      );
      outgoing.on('error', reject);
      const body = { tenant: 'acme', site: 'shop', token: 't', publicKey: 'k', proof: 'p' };
      outgoing.end(path === '/v1/join' ? JSON.stringify(body) : '');
    });
    t.match(JSON.parse(answer), { code: 'REQUEST_INVALID', message: /SPIFFE authority/ }, path);
  }
});
