import type { Socket } from 'node:net';
import { pino, type Logger } from 'pino';
import t, { type Test } from 'tap';
import { FileKey, publicKeyHashOf } from '../../../src/edge-runner/join/device-key.ts';
import { maxStrangers } from '../../../src/provider/strangers/limits.ts';
import { connectTunnel } from '../../../src/tunnel/connect.ts';
import { openStranger } from '../../unit/provider/strangers/open-stranger.ts';
import { joinNew, startCloud, startDevice, until, type Cloud } from './site-link.ts';

t.setTimeout(120_000);

/** Where strangers come from, in a flood of one address. */
const elsewhere = '127.0.0.2';
const halfHello = Buffer.from([0x16, 3, 1, 2, 0]);

/** Opens so many, some at a time; every other one begins TLS. */
async function flood(t: Test, cloud: Cloud, count: number, from: string): Promise<Socket[]> {
  const sockets: Socket[] = [];
  while (sockets.length < count) {
    const some = Array.from({ length: Math.min(200, count - sockets.length) }, () =>
      openStranger(t, cloud.port, from),
    );
    sockets.push(...(await Promise.all(some)));
  }
  for (const socket of sockets.filter((_, n) => n % 2 === 0)) socket.write(halfHello);
  return sockets;
}

const alive = (sockets: Socket[]): number => sockets.filter(({ destroyed }) => !destroyed).length;

/** Nobody is put out for being slow, so that strangers go for their number alone. */
const patient = { handshakeMs: 200_000, headersMs: 200_000, requestMs: 200_000, checkMs: 50 };

function recording(): { log: Logger; warnings: string[] } {
  const warnings: string[] = [];
  const log = pino({ base: null, level: 'warn' }, { write: (line: string) => warnings.push(line) });
  return { log, warnings };
}

void t.test('a site joins and connects while strangers hold all that they may', async (t) => {
  const { log, warnings } = recording();
  const cloud = await startCloud(t, { timeouts: patient, log });
  const strangers = await flood(t, cloud, maxStrangers + 200, elsewhere);
  await until(() => alive(strangers) === maxStrangers);
  t.pass('so many are borne, and no more');

  const dir = await joinNew(t, cloud);
  const device = await startDevice(t, dir);
  await until(() => cloud.registry.get('shop.acme') !== undefined);
  t.equal(cloud.tunnels.length, 1);
  t.notOk(
    device.lines.some(({ level }) => level >= 40),
    'at the first try',
  );
  t.equal(warnings.length, 1, 'the log says it once, not for each');
  t.match(warnings[0], /"listener":"tunnels","dropped":\d+/);
  await device.stop();
});

void t.test('so does one behind the address that they come from', async (t) => {
  const max = 200;
  const cloud = await startCloud(t, { timeouts: patient, maxStrangers: max });
  const dir = await joinNew(t, cloud);
  const strangers = await flood(t, cloud, max, '127.0.0.1');
  const device = await startDevice(t, dir);
  await until(() => cloud.registry.get('shop.acme') !== undefined);
  t.equal(cloud.tunnels.length, 1);
  t.ok(alive(strangers) < max, 'one of them has made room');
  await device.stop();
});

/** Keeps the link of a site that has joined. Gives how often it failed. */
function keepUp(t: Test, cloud: Cloud, name: string): { failures: number } {
  cloud.sites.add(name, `token of ${name}`);
  const key = FileKey.generate();
  const site = cloud.sites.get(name);
  if (site !== undefined) site.status = { publicKeyHash: publicKeyHashOf(key.publicKey) };
  const cert = cloud.authority.issueSite({ tenant: 'acme', name }, key.publicKey);
  const link = { failures: 0 };
  const stop = new AbortController();
  const running = connectTunnel({
    addresses: [`${cloud.url}/v1/tunnel`],
    tls: { cert, key: key.pem, ca: cloud.authority.certificatePem },
    session: { onStream: (stream) => stream.destroy() },
    onSession: () => undefined,
    onState: ({ kind }) => {
      if (kind === 'disconnected') link.failures += 1;
    },
    signal: stop.signal,
  });
  t.teardown(() => {
    stop.abort();
    return running;
  });
  return link;
}

void t.test('sites of one address that come at once are all there soon', async (t) => {
  const max = 20;
  const cloud = await startCloud(t, { timeouts: patient, maxStrangers: max });
  await flood(t, cloud, max, '127.0.0.1');
  const names = Array.from({ length: 200 }, (_, n) => `site-${n}`);
  const startedAtMs = performance.now();
  const links = names.map((name) => keepUp(t, cloud, name));
  await until(() => names.every((name) => cloud.registry.get(`${name}.acme`) !== undefined));
  t.comment(`${Math.round(performance.now() - startedAtMs)} ms`);
  const refused = links.filter(({ failures }) => failures > 0).length;
  t.not(refused, 0, `${refused} had to come again`);
});
