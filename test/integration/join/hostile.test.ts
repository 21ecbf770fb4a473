import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { X509Certificate } from 'node:crypto';
import t from 'tap';
import { WebSocket } from 'ws';
import { FileKey, joinRequestOf } from '../../../src/edge-runner/join/device-key.ts';
import type { JoinRequest, JoinResponse } from '../../../src/protocol/join.ts';
import { dripHandshake } from '../../unit/tunnel/slow-handshake.ts';
import { startProvider, type ProviderFixture } from './provider-fixture.ts';
import { joinNew, startCloud, startDevice, until } from './site-link.ts';

type Shown = { certificate: string; privateKey: string };

/** HTTP status with which the tunnel is refused to whoever shows this. */
async function refused(provider: ProviderFixture, shown: Shown): Promise<number | undefined> {
  const ws = new WebSocket(`${provider.url}/v1/tunnel`, {
    ca: provider.authority.certificatePem,
    ...{ cert: shown.certificate, key: shown.privateKey },
  });
  const [, response] = (await once(ws, 'unexpected-response')) as [unknown, IncomingMessage];
  response.resume();
  return response.statusCode;
}

async function postJoin(
  provider: ProviderFixture,
  request: JoinRequest,
): Promise<[number, string]> {
  const socket = connectTls({
    ...{ host: '127.0.0.1', port: provider.port, ca: provider.authority.certificatePem },
  });
  const body = JSON.stringify(request);
  socket.end(
    `POST /v1/join HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  return [Number(text.slice(9, 12)), text.slice(text.indexOf('\r\n\r\n') + 4)];
}

void t.test('a join that is replayed gives nothing to who has not the key', async (t) => {
  const provider = await startProvider();
  t.teardown(() => provider.close());
  provider.sites.add('shop', 'secret');
  const key = FileKey.generate();
  const seen = joinRequestOf(key, { tenant: 'acme', site: 'shop', token: 'secret' });
  t.equal((await postJoin(provider, seen))[0], 200);
  const recorded = provider.sites.get('shop')?.status;

  const [status, body] = await postJoin(provider, seen);
  t.equal(status, 200, 'the very same is answered: its answer may have been lost');
  const { certificate } = JSON.parse(body) as JoinResponse;
  t.ok(new X509Certificate(certificate).publicKey.equals(key.publicKey), 'for the same key only');

  const thief = FileKey.generate();
  const stolen = joinRequestOf(thief, { tenant: 'acme', site: 'shop', token: 'secret' });
  t.match(await postJoin(provider, stolen), [403, /TOKEN_USED/]);
  t.match(await postJoin(provider, { ...seen, publicKey: stolen.publicKey }), [
    400,
    /PROOF_INVALID/,
  ]);
  provider.sites.add('cafe', 'another');
  t.match(await postJoin(provider, { ...seen, site: 'cafe' }), [400, /PROOF_INVALID/]);
  t.same(provider.sites.get('shop')?.status, recorded);
});

void t.test('a certificate is of no use but for its own site and purpose', async (t) => {
  const cloud = await startCloud(t);
  await joinNew(t, cloud);
  const thief = FileKey.generate();
  const of = (tenant: string, name: string, key = thief): Shown => ({
    certificate: cloud.authority.issueSite({ tenant, name }, key.publicKey),
    privateKey: key.pem,
  });
  t.equal(await refused(cloud, of('acme', 'shop')), 403, 'of the site, for another key');
  t.equal(await refused(cloud, of('evil', 'shop')), 403, 'of another tenant');
  t.equal(await refused(cloud, of('evil', 'acme')), 403, 'names in the wrong places');
  t.equal(await refused(cloud, cloud.authority.issueServing(['shop'])), 401, 'for servers');
  t.equal(await refused(cloud, cloud.caPair), 401, "the CA's own");
  t.equal(cloud.tunnels.length, 0);
});

void t.test('of two devices with one identity one is connected, and both say so', async (t) => {
  const cloud = await startCloud(t);
  const dir = await joinNew(t, cloud);
  const [first, second] = [await startDevice(t, dir), await startDevice(t, dir)];
  const replaced = (device: typeof first): boolean =>
    device.lines.some(({ code, msg }) => code === 'REPLACED' && /another connection/.test(msg));
  await until(() => replaced(first) && replaced(second));
  await first.stop();
  await second.stop();
  t.equal(cloud.registry.nodeNames().length <= 1, true);
});

void t.test('whoever is slow is sent away', async (t) => {
  const timeouts = { handshakeMs: 300, headersMs: 300, requestMs: 600, checkMs: 50 };
  const provider = await startProvider({ timeouts });
  t.teardown(() => provider.close());
  const at = { host: '127.0.0.1', port: provider.port };
  const tls = { ...at, ca: provider.authority.certificatePem };
  const silent = connectTcp(at);
  const halfHello = connectTcp(at, () => halfHello.write(Buffer.from([0x16, 3, 1, 2, 0])));
  const halfHead = connectTls(tls, () => halfHead.write('GET /v1/tunnel HTTP/1.1\r\nHost: x\r\n'));
  const halfBody = connectTls(tls, () =>
    halfBody.write(
      'POST /v1/join HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n{',
    ),
  );
  const drip = connectTls(tls, () => drip.write('GET / HTTP/1.1\r\n'));
  const dripping = setInterval(() => drip.write('x-a: b\r\n'), 50);
  const clients = { silent, halfHello, halfHead, halfBody, drip };
  await Promise.all(
    Object.entries(clients).map(async ([name, socket]) => {
      socket.on('error', () => undefined).resume();
      await new Promise((resolve) => socket.once('close', resolve));
      t.pass(name);
    }),
  );
  clearInterval(dripping);
  const said = await dripHandshake(provider.port, 20);
  t.ok(said > 0 && said < 0.5, `${said} of its first message`);
});
