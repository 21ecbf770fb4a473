import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { connect, type TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { FileKey, joinRequestOf } from '../../../src/edge-runner/join/device-key.ts';
import type { Identity } from '../../../src/edge-runner/join/identity.ts';
import { joinSite } from '../../../src/edge-runner/join/join-site.ts';
import { parseProviderAddresses } from '../../../src/edge-runner/join/provider-address.ts';
import { CertificateAuthority, createCa } from '../../../src/provider/pki/authority.ts';
import { startProvider, type ProviderFixture } from './provider-fixture.ts';

async function withProvider(t: Test): Promise<ProviderFixture> {
  const provider = await startProvider();
  t.teardown(() => provider.close());
  return provider;
}

/** Joins a site that is made for it. */
function joinNew(t: Test, provider: ProviderFixture, site: string): Promise<Identity> {
  provider.sites.add(site, `token of ${site}`);
  return joinSite({
    addresses: parseProviderAddresses(provider.url),
    tenant: 'acme',
    site,
    token: `token of ${site}`,
    caHash: provider.authority.caHash,
    dir: t.testdir({}),
    force: true,
    environment: {},
    signal: AbortSignal.timeout(20_000),
  });
}

type Shown = { certificate: string; privateKey: string } | undefined;

function dial(provider: ProviderFixture, shown: Shown, path = '/v1/tunnel'): WebSocket {
  return new WebSocket(`${provider.url}${path}`, {
    ca: provider.authority.certificatePem,
    ...(shown === undefined ? {} : { cert: shown.certificate, key: shown.privateKey }),
  });
}

/** Status and text with which an upgrade is refused. */
async function refusal(ws: WebSocket): Promise<{ status: number | undefined; text: string }> {
  const [, response] = (await once(ws, 'unexpected-response')) as [unknown, IncomingMessage];
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return { status: response.statusCode, text };
}

interface Answer {
  status: number | undefined;
  body: string;
}

function send(
  provider: ProviderFixture,
  method: string,
  path: string,
  body?: string,
  type = 'application/json',
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: '127.0.0.1',
        port: provider.port,
        method,
        path,
        ca: provider.authority.certificatePem,
        agent: false,
        headers: body === undefined ? {} : { 'content-type': type },
      },
      (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () => {
          resolve({ status: response.statusCode, body: text });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

void t.test('a joined site opens its tunnel and is handed on under its name', async (t) => {
  const provider = await withProvider(t);
  const identity = await joinNew(t, provider, 'shop');
  const ws = dial(provider, identity);
  await once(ws, 'open');
  t.match(provider.tunnels, [{ site: { tenant: 'acme', name: 'shop' } }]);
  provider.tunnels[0]?.ws.send('welcome');
  const [message] = (await once(ws, 'message')) as [Buffer];
  t.equal(message.toString(), 'welcome');
  ws.terminate();
});

void t.test('a site whose join the cache has not seen yet is looked up', async (t) => {
  const provider = await withProvider(t);
  const identity = await joinNew(t, provider, 'shop');
  provider.sites.cacheLags = true;
  const ws = dial(provider, identity);
  await once(ws, 'open');
  ws.terminate();
});

void t.test('a tunnel needs a certificate of this CA', async (t) => {
  const provider = await withProvider(t);
  t.match(await refusal(dial(provider, undefined)), {
    status: 401,
    text: 'no client certificate was shown: join this device again\n',
  });
  const foreign = new CertificateAuthority({
    keyPair: createCa({ trustDomain: 'towline', nowMs: Date.now() }),
    trustDomain: 'towline',
  });
  const key = FileKey.generate();
  const certificate = foreign.issueSite({ tenant: 'acme', name: 'shop' }, key.publicKey);
  const shown = { certificate, privateKey: key.pem };
  t.match(await refusal(dial(provider, shown)), { status: 401, text: /not from the CA/ });
  const serving = provider.authority.issueServing(['127.0.0.1']);
  t.match(await refusal(dial(provider, serving)), { status: 401, text: /not one for clients/ });
  t.equal(provider.tunnels.length, 0);
});

void t.test('an expired certificate is refused', async (t) => {
  const monthMs = 31 * 86_400_000;
  let issuedAtMs = Date.now() - monthMs;
  const provider = await startProvider({ issuedAtMs: () => issuedAtMs });
  t.teardown(() => provider.close());
  const key = FileKey.generate();
  const site = { tenant: 'acme', name: 'shop' };
  const certificate = provider.authority.issueSite(site, key.publicKey);
  issuedAtMs = Date.now();
  t.ok(provider.certificate.renewIfDue());
  const shown = { certificate, privateKey: key.pem };
  t.match(await refusal(dial(provider, shown)), { status: 401, text: /expired at/ });
});

void t.test('a site that is gone, going, or joined by another device is refused', async (t) => {
  const provider = await withProvider(t);
  const identity = await joinNew(t, provider, 'shop');
  const again = await joinNew(t, provider, 'shop');
  t.match(await refusal(dial(provider, identity)), { status: 403, text: /with another key/ });
  const ws = dial(provider, again);
  await once(ws, 'open');
  ws.terminate();
  const site = provider.sites.get('shop');
  if (site !== undefined) site.metadata.deletionTimestamp = new Date().toISOString();
  t.match(await refusal(dial(provider, again)), { status: 403, text: /is being deleted/ });
  provider.sites.delete('shop');
  t.match(await refusal(dial(provider, again)), { status: 403, text: /does not exist any more/ });
});

void t.test('a cluster that cannot be asked is no reason to give up', async (t) => {
  const provider = await withProvider(t);
  const identity = await joinNew(t, provider, 'shop');
  provider.sites.cacheLags = true;
  provider.sites.read = (): Promise<never> => Promise.reject(new Error('down'));
  t.match(await refusal(dial(provider, identity)), { status: 503, text: /another try/ });
});

void t.test('only the path of the tunnel can be upgraded', async (t) => {
  const provider = await withProvider(t);
  const identity = await joinNew(t, provider, 'shop');
  t.match(await refusal(dial(provider, identity, '/v1/other')), { status: 404 });
  t.match(await send(provider, 'GET', '/v1/tunnel'), { status: 404 });
});

void t.test('health and readiness are answered without a certificate', async (t) => {
  const provider = await withProvider(t);
  t.strictSame(await send(provider, 'GET', '/healthz'), { status: 200, body: 'ok\n' });
  t.strictSame(await send(provider, 'GET', '/readyz'), { status: 200, body: 'ok\n' });
  provider.notReady.reason = 'caches are not filled yet';
  t.strictSame(await send(provider, 'GET', '/readyz'), {
    status: 503,
    body: 'caches are not filled yet\n',
  });
  t.equal((await send(provider, 'GET', '/healthz')).status, 200);
});

void t.test('join requests that make no sense are refused before anybody is asked', async (t) => {
  const provider = await withProvider(t);
  provider.sites.read = (): Promise<never> => Promise.reject(new Error('must not be asked'));
  const good = joinRequestOf(FileKey.generate(), { tenant: 'acme', site: 'shop', token: 'x' });
  const attempt = async (body: string, type?: string): Promise<Answer> =>
    send(provider, 'POST', '/v1/join', body, type);
  const invalid = { status: 400, body: /"code":"REQUEST_INVALID"/ };
  t.match(await attempt('{'), invalid);
  t.match(await attempt('null'), invalid);
  t.match(await attempt('{}'), invalid);
  t.match(await attempt('x=1', 'application/x-www-form-urlencoded'), invalid);
  t.match(await attempt(JSON.stringify({ ...good, tenant: '../kube-system' })), invalid);
  t.match(await attempt(JSON.stringify({ ...good, site: 'a/b' })), invalid);
  t.match(await attempt(JSON.stringify({ ...good, site: 'a'.repeat(64) })), invalid);
  t.match(await attempt(JSON.stringify({ ...good, token: 'a'.repeat(257) })), invalid);
  t.match(await attempt(JSON.stringify({ ...good, proof: 'a'.repeat(17_000) })), invalid);
  t.match(await attempt(`{"a":${'['.repeat(7000)}${']'.repeat(7000)}}`), invalid);
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey;
  const publicKey = rsa.export({ type: 'spki', format: 'der' }).toString('base64');
  t.match(await attempt(JSON.stringify({ ...good, publicKey })), invalid);
});

void t.test('guessing is slowed down for one site, and other sites go on', async (t) => {
  const provider = await withProvider(t);
  provider.sites.add('other', 'right');
  const attempt = (site: string, token: string): Promise<Answer> =>
    send(
      provider,
      'POST',
      '/v1/join',
      JSON.stringify(joinRequestOf(FileKey.generate(), { tenant: 'acme', site, token })),
    );
  const statuses: (number | undefined)[] = [];
  for (let i = 0; i < 12; i += 1) statuses.push((await attempt('shop', `guess ${i}`)).status);
  t.strictSame(statuses.slice(0, 10), Array<number>(10).fill(403));
  t.strictSame(statuses.slice(10), [429, 429]);
  t.equal((await attempt('other', 'right')).status, 200);
});

void t.test('TLS below 1.3 is refused', async (t) => {
  const provider = await withProvider(t);
  const socket: TLSSocket = connect({
    host: '127.0.0.1',
    port: provider.port,
    ca: provider.authority.certificatePem,
    maxVersion: 'TLSv1.2',
  });
  await t.rejects(once(socket, 'secureConnect'), { code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' });
});

void t.test('no TLS session is taken up again without its certificate', async (t) => {
  const provider = await withProvider(t);
  const identity = await joinNew(t, provider, 'shop');
  const tls = {
    host: '127.0.0.1',
    port: provider.port,
    ca: provider.authority.certificatePem,
    cert: identity.certificate,
    key: identity.privateKey,
  };
  const first = connect(tls);
  const sessions: Buffer[] = [];
  first.on('session', (session: Buffer) => sessions.push(session));
  await once(first, 'secureConnect');
  first.write('GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  first.resume();
  await once(first, 'close');
  for (const session of sessions) {
    const second = connect({ ...tls, session });
    await once(second, 'secureConnect');
    t.notOk(second.isSessionReused());
    second.destroy();
  }
  t.pass(`${sessions.length} sessions were tried`);
});

void t.test('a port that is taken gives one clear line', async (t) => {
  const provider = await withProvider(t);
  const again = startProvider({ port: provider.port });
  await t.rejects(again, {
    code: 'PORT_IN_USE',
    message: /^cannot listen on 127\.0\.0\.1:\d+: another program has this port/,
  });
});

void t.test('closing ends the tunnels that are open', async (t) => {
  const provider = await startProvider();
  const ws = dial(provider, await joinNew(t, provider, 'shop'));
  await once(ws, 'open');
  const closed = once(ws, 'close');
  await provider.close();
  await closed;
  t.pass('the connection is gone');
});
