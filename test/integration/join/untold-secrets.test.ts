import { generateKeyPairSync } from 'node:crypto';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type TLSSocket } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { loadIdentity } from '../../../src/edge-runner/join/identity-dir.ts';
import { joinCommand } from '../../../src/edge-runner/join/join-command.ts';
import { joinSite } from '../../../src/edge-runner/join/join-site.ts';
import { parseProviderAddresses } from '../../../src/edge-runner/join/provider-address.ts';
import { renewSite } from '../../../src/edge-runner/join/renew-site.ts';
import { MemorySites, startProvider, type ProviderFixture } from './provider-fixture.ts';

/** Sites that an API server does not give, with a message of its own. */
class LostSites extends MemorySites {
  isLost = false;

  override read(site: Parameters<MemorySites['read']>[0]): ReturnType<MemorySites['read']> {
    return this.isLost ? Promise.reject(new Error('the API server is away')) : super.read(site);
  }
}

const token = 'a-token-that-nobody-may-see';

interface Scene {
  cloud: ProviderFixture & { sites: LostSites };
  keyFile: string;
  /** What the provider has logged, and what was said and thrown at the device. */
  told: string[];
  /** Joins by the command as well as by the call. @returns the call's error */
  failToJoin: (given?: { token?: string; url?: string; caHash?: string }) => Promise<unknown>;
  /** Fails when anything that was told has a part of a token or of the key in it. */
  requireUntold: () => void;
}

async function scene(t: Test): Promise<Scene> {
  const told: string[] = [];
  const log = pino({ level: 'trace' }, { write: (line: string) => told.push(line) });
  const sites = new LostSites();
  sites.add('shop', token);
  const cloud = { ...(await startProvider({ sites, log })), sites };
  t.teardown(() => cloud.close());
  const dir = await mkdtemp(join(tmpdir(), 'towline-'));
  t.teardown(() => rm(dir, { recursive: true }));
  const keyFile = join(dir, 'key.pem');
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  await writeFile(keyFile, pem, { mode: 0o600 });
  const scalar = Buffer.from(privateKey.export({ format: 'jwk' }).d ?? '', 'base64url');
  const secrets = [
    ...[token, 'PRIVATE KEY', ...pem.split('\n').slice(1, 3)],
    ...(['hex', 'base64', 'base64url', 'latin1'] as const).map((how) => scalar.toString(how)),
  ];
  return {
    ...{ cloud, keyFile, told },
    failToJoin: async ({ url = cloud.url, caHash = cloud.authority.caHash, ...given } = {}) => {
      const write = (text: string): unknown => told.push(text);
      const flags = ['--site', 'acme/shop', '--token', given.token ?? token, '--ca-hash', caHash];
      const files = ['--state-dir', join(dir, 'state'), '--key-file', keyFile, '--force'];
      const io = { stdout: { write }, stderr: { write }, signal: AbortSignal.timeout(20_000) };
      const [code, error] = await Promise.all([
        joinCommand([url, ...flags, ...files], io),
        joinSite({
          addresses: parseProviderAddresses(url),
          ...{ tenant: 'acme', site: 'shop', token: given.token ?? token, caHash },
          ...{ dir: join(dir, 'state'), force: true, keyFile },
          ...{ environment: {}, signal: AbortSignal.timeout(20_000) },
        }).catch((error: unknown) => error),
      ]);
      t.equal(code, 1);
      told.push(inspect(error, { depth: 9, showHidden: true }));
      return error;
    },
    requireUntold: () => {
      for (const secret of secrets) {
        const by = told.find((text) => text.includes(secret));
        t.equal(by, undefined, `${secrets.indexOf(secret)} of what must not be told`);
      }
    },
  };
}

void t.test('a refused token is told to nobody', async (t) => {
  const { cloud, failToJoin, requireUntold, told } = await scene(t);
  t.match(await failToJoin({ token: `${token}-wrong` }), { code: 'TOKEN_UNKNOWN' });
  cloud.sites.add('shop', token, -1_000);
  t.match(await failToJoin(), { code: 'TOKEN_EXPIRED' });
  cloud.sites.add('shop', 'another');
  cloud.sites.add('inn', token);
  t.match(await failToJoin(), { code: /TOKEN_(UNKNOWN|OF_OTHER_SITE)/ });
  t.ok(
    told.some((line) => line.includes('join refused')),
    'the provider has logged',
  );
  requireUntold();
});

void t.test('a provider that fails in the midst tells neither token nor key', async (t) => {
  const { cloud, failToJoin, requireUntold, told } = await scene(t);
  cloud.sites.isLost = true;
  t.match(await failToJoin(), { code: 'UNAVAILABLE' });
  t.ok(
    told.some((line) => line.includes('the API server is away')),
    'the provider has logged',
  );
  requireUntold();
});

void t.test('answers that are lost or no answers tell neither token nor key', async (t) => {
  const { cloud, failToJoin, requireUntold } = await scene(t);
  const { certificate: cert, privateKey: key } = cloud.certificate.current;
  const answers: [(socket: TLSSocket) => void, object][] = [
    [(socket) => socket.destroy(), { code: 'CONNECTION_LOST' }],
    [(socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n{"no":"json'), { code: 'RESPONSE_INVALID' }],
    [(socket) => socket.end('rubbish'), { code: 'CONNECTION_LOST' }],
  ];
  const attempts = answers.map(async ([answer, expected]) => {
    const server = createServer({ cert, key }, (socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => {
        answer(socket);
      });
    }).listen(0, '127.0.0.1');
    t.teardown(() => server.close());
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    t.match(await failToJoin({ url: `wss://127.0.0.1:${port}` }), expected);
  });
  await Promise.all(attempts);
  t.match(await failToJoin({ caHash: `sha256:${'0'.repeat(64)}` }), { code: 'PROVIDER_UNTRUSTED' });
  requireUntold();
});

void t.test('a key that cannot be used is not shown', async (t) => {
  const { failToJoin, keyFile, requireUntold } = await scene(t);
  await chmod(keyFile, 0o644);
  t.match(await failToJoin(), { code: 'KEY_UNUSABLE' });
  requireUntold();
});

void t.test('a renewal that is refused does not show the key', async (t) => {
  const { cloud, keyFile, told, requireUntold } = await scene(t);
  const dir = t.testdir({});
  await joinSite({
    addresses: parseProviderAddresses(cloud.url),
    ...{ tenant: 'acme', site: 'shop', token, caHash: cloud.authority.caHash },
    ...{ dir, force: true, keyFile, environment: {}, signal: AbortSignal.timeout(20_000) },
  });
  const identity = await loadIdentity(dir, keyFile);
  cloud.sites.delete('shop');
  const error: unknown = await renewSite({
    ...{ identity, environment: {}, signal: AbortSignal.timeout(20_000) },
  }).catch((error: unknown) => error);
  t.match(error, { code: 'KEY_UNKNOWN' });
  told.push(inspect(error, { depth: 9, showHidden: true }));
  requireUntold();
});
