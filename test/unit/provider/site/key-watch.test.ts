import { X509Certificate } from 'node:crypto';
import pino from 'pino';
import t, { type Test } from 'tap';
import { FileKey } from '../../../../src/edge-runner/join/device-key.ts';
import type { Site } from '../../../../src/kube/site.ts';
import { CertificateAuthority, createCa } from '../../../../src/provider/pki/authority.ts';
import { publicKeyHashOf } from '../../../../src/provider/pki/public-key.ts';
import { KeyWatch } from '../../../../src/provider/site/key-watch.ts';
import { SiteRegistry } from '../../../../src/provider/site/site-registry.ts';
import { TunnelSessionFake } from './tunnel-session-fake.ts';

const log = pino({ level: 'silent' });
const id = { tenant: 'acme', name: 'shop' };
const nodeName = 'shop.acme';
const authority = new CertificateAuthority({
  keyPair: createCa({ trustDomain: 'towline', nowMs: Date.now() }),
  trustDomain: 'towline',
});

function siteWith(publicKeyHash: string, revokedKey?: string): Site {
  return {
    metadata: { namespace: 'acme', name: 'shop' },
    spec: revokedKey === undefined ? {} : { revokedKey },
    status: { publicKeyHash },
  };
}

/** A connected site, a cache and a cluster that the test sets, and a watch over them. */
function scene(t: Test) {
  const { publicKey } = FileKey.generate();
  const publicKeyHash = publicKeyHashOf(publicKey);
  const certificate = new X509Certificate(authority.issueSite(id, publicKey));
  const session = new TunnelSessionFake();
  const registry = new SiteRegistry({ graceMs: 60_000, log });
  const peer = { site: id, certificate, publicKeyHash, trustDigest: undefined };
  registry.connect(nodeName, session, () => Promise.resolve(), peer);
  const world: { cached: Site | undefined; real: Site | undefined; reads: number } = {
    cached: siteWith(publicKeyHash),
    real: siteWith(publicKeyHash),
    reads: 0,
  };
  let changed: (nodeName: string) => void = () => undefined;
  const watch = new KeyWatch({
    sites: {
      get: () => world.cached,
      subscribe: (listener) => {
        changed = listener;
        return () => undefined;
      },
    },
    read: () => {
      world.reads += 1;
      return Promise.resolve(world.real);
    },
    ...{ registry, log },
  });
  const stop = new AbortController();
  const running = watch.run(stop.signal);
  t.teardown(async () => {
    stop.abort();
    await running;
    await registry.stop(0);
  });
  const change = async (): Promise<void> => {
    changed(nodeName);
    await new Promise((resolve) => setTimeout(resolve, 5));
  };
  return { publicKeyHash, session, world, change };
}

void t.test('a site that is revoked, deleted or taken over loses its connection', async (t) => {
  for (const [real, message] of [
    [(hash: string) => siteWith(hash, hash), /acme\/shop was revoked/],
    [(hash: string) => siteWith(hash, '*'), /acme\/shop was revoked/],
    [() => siteWith('sha256:other'), /was joined by another device/],
    [() => undefined, /was deleted/],
  ] as const) {
    const { publicKeyHash, session, world, change } = scene(t);
    world.cached = world.real = real(publicKeyHash);
    await change();
    t.match(session.closeReason, { code: 'DISMISSED', message });
  }
});

void t.test('whatever else changes ends nothing and asks nobody', async (t) => {
  const { session, world, change } = scene(t);
  world.cached = siteWith(world.cached?.status?.publicKeyHash ?? '', 'sha256:another-key');
  await change();
  t.equal(session.closeReason, undefined);
  t.equal(world.reads, 0);
});

void t.test('a cache that does not know of a join yet ends nothing', async (t) => {
  const { session, world, change } = scene(t);
  world.cached = siteWith('sha256:of the device before');
  await change();
  t.equal(session.closeReason, undefined);
  t.equal(world.reads, 1);
});
