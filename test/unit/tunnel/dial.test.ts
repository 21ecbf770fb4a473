import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createHttpsServer } from 'node:https';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import t, { type Test } from 'tap';
import { CertificateAuthority, createCa } from '../../../src/provider/pki/authority.ts';
import { issuedBy, signCertificate } from '../../../src/provider/pki/certificate.ts';
import {
  clientExtensions,
  serverExtensions,
  serverNames,
  uriName,
} from '../../../src/provider/pki/extensions.ts';
import { Issuer } from '../../../src/provider/pki/issuer.ts';
import { dialTunnel, type DialOptions } from '../../../src/tunnel/dial.ts';
import { TunnelError } from '../../../src/tunnel/errors.ts';
import type { TunnelStream } from '../../../src/tunnel/stream.ts';
import { testCertificates } from './certificates.ts';
import { startTunnelServer } from './tunnel-server.ts';

const certificates = testCertificates();

function echo(stream: TunnelStream): void {
  pipeline(stream, stream).catch(() => undefined);
}

function options(addresses: string[], more: Partial<DialOptions> = {}): DialOptions {
  return {
    addresses,
    tls: certificates.client,
    signal: new AbortController().signal,
    session: { onStream: echo },
    ...more,
  };
}

async function failure(dialling: Promise<unknown>): Promise<TunnelError> {
  try {
    await dialling;
  } catch (error) {
    if (error instanceof TunnelError) return error;
    throw error;
  }
  throw new TypeError('dialling succeeded');
}

async function listen(t: Test, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
}

void t.test('streams cross a real WebSocket over TLS, both ways', async (t) => {
  const provider = await startTunnelServer(certificates, { onStream: echo });
  t.teardown(() => provider.stop());
  const { session, address } = await dialTunnel(options([provider.address]));
  t.equal(address, provider.address);
  const up = session.open('interactive');
  const payload = 'x'.repeat(3_000_000);
  up.end(payload);
  t.equal((await text(up)) === payload, true);
  const down = provider.sessions[0]?.open('bulk');
  down?.end('down');
  t.equal(down && (await text(down)), 'down');
  session.close();
  t.equal((await provider.sessions[0]?.closed)?.code, 'PEER_CLOSED');
});

void t.test('every address is tried until one answers', async (t) => {
  const provider = await startTunnelServer(certificates, { onStream: echo });
  t.teardown(() => provider.stop());
  const { session, address } = await dialTunnel(
    options(['wss://127.0.0.1:1/v1/tunnel', provider.address]),
  );
  t.equal(address, provider.address);
  session.close();
});

void t.test('a name with several IP addresses is tried with all of them', async (t) => {
  const provider = await startTunnelServer(certificates, { onStream: echo }, 0, '::1');
  t.teardown(() => provider.stop());
  const named = `wss://localhost:${provider.port}/v1/tunnel`;
  const resolve = (): Promise<string[]> => Promise.resolve(['127.0.0.1', '127.0.0.2', '::1']);
  const { session } = await dialTunnel(options([named], { resolve }));
  session.close();
  await session.closed;
});

void t.test('a refused connection says so and names the address', async (t) => {
  const error = await failure(dialTunnel(options(['wss://127.0.0.1:1/v1/tunnel'])));
  t.equal(error.code, 'CONNECTION_REFUSED');
  t.match(error.message, /127\.0\.0\.1/);
});

void t.test('a name that does not exist says so', async (t) => {
  const error = await failure(dialTunnel(options(['wss://nowhere.invalid/v1/tunnel'])));
  t.equal(error.code, 'DNS_FAILED');
});

void t.test('an address that is no wss URL says what is expected', async (t) => {
  for (const address of ['https://a/b', 'a:1', '']) {
    const error = await failure(dialTunnel(options([address])));
    t.equal(error.code, 'ADDRESS_INVALID');
  }
  t.equal((await failure(dialTunnel(options([])))).code, 'ADDRESS_INVALID');
});

void t.test('a certificate by another CA, or for another name, is not trusted', async (t) => {
  const others = testCertificates();
  const stranger = await startTunnelServer(others, { onStream: echo });
  t.teardown(() => stranger.stop());
  t.equal((await failure(dialTunnel(options([stranger.address])))).code, 'TLS_UNTRUSTED');
  const elsewhere = testCertificates(['elsewhere.example']);
  const misnamed = await startTunnelServer(elsewhere, { onStream: echo });
  t.teardown(() => misnamed.stop());
  const tls = elsewhere.client;
  t.equal((await failure(dialTunnel(options([misnamed.address], { tls })))).code, 'TLS_UNTRUSTED');
  const named = { ...tls, servername: 'elsewhere.example' };
  const { session } = await dialTunnel(options([misnamed.address], { tls: named }));
  session.close();
});

void t.test(
  'a device certificate that the provider turns down is named as the likely cause',
  async (t) => {
    const provider = await startTunnelServer(certificates, { onStream: echo });
    t.teardown(() => provider.stop());
    const { cert, key } = testCertificates().client;
    const tls = { cert, key, ca: certificates.ca };
    const error = await failure(dialTunnel(options([provider.address], { tls })));
    t.match(error.message, /certificate/);
  },
);

void t.test('an HTTP refusal carries its status and text', async (t) => {
  const server = createHttpsServer(
    { key: certificates.serverKey, cert: certificates.serverCert },
    (_request, response) => {
      response.writeHead(403).end('this site was deleted');
    },
  );
  const port = await listen(t, server);
  const error = await failure(dialTunnel(options([`wss://127.0.0.1:${port}/v1/tunnel`])));
  t.equal(error.code, 'HTTP_REJECTED');
  t.match(error.detail, { status: 403, body: 'this site was deleted' });
});

void t.test('a peer that accepts and says nothing times out', async (t) => {
  const silent = createServer();
  const port = await listen(t, silent);
  const error = await failure(
    dialTunnel(options([`wss://127.0.0.1:${port}/`], { handshakeTimeoutMs: 50 })),
  );
  t.equal(error.code, 'TIMEOUT');
});

void t.test('the signal ends an attempt at once', async (t) => {
  const silent = createServer();
  const port = await listen(t, silent);
  const abort = new AbortController();
  const dialling = dialTunnel(options([`wss://127.0.0.1:${port}/`], { signal: abort.signal }));
  silent.once('connection', () => {
    abort.abort();
  });
  t.equal((await failure(dialling)).code, 'ABORTED');
});

void t.test('an HTTP proxy is used, with a user and password', async (t) => {
  const provider = await startTunnelServer(certificates, { onStream: echo });
  t.teardown(() => provider.stop());
  const seen: string[] = [];
  const proxy = createServer((socket) => {
    socket.once('data', (bytes) => {
      const head = bytes.toString();
      seen.push(head);
      if (!head.includes(Buffer.from('me:s p').toString('base64'))) {
        socket.end('HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n');
        return;
      }
      const onward = connect(provider.port, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\nVia: test\r\n\r\n');
        socket.pipe(onward).pipe(socket);
      });
      socket.on('error', () => onward.destroy());
      onward.on('error', () => socket.destroy());
    });
  });
  const port = await listen(t, proxy);
  const through = (user: string, noProxy = ''): DialOptions =>
    options([provider.address], {
      proxyEnvironment: { HTTPS_PROXY: `http://${user}127.0.0.1:${port}`, NO_PROXY: noProxy },
    });
  const { session } = await dialTunnel(through('me:s%20p@'));
  const stream = session.open('interactive');
  stream.end('through a proxy');
  t.equal(await text(stream), 'through a proxy');
  t.match(seen[0], `CONNECT 127.0.0.1:${provider.port} HTTP/1.1\r\n`);
  session.close();
  const error = await failure(dialTunnel(through('')));
  t.equal(error.code, 'PROXY_REJECTED');
  t.equal(error.detail.status, 407);
  const direct = await dialTunnel(through('', '10.0.0.0/8,127.0.0.0/8'));
  direct.session.close();
  t.equal(seen.length, 2, 'NO_PROXY went around it');
});

void t.test('an end that is known by its SPIFFE ID needs no name', async (t) => {
  const trustDomain = 'example.org';
  const keyPair = createCa({ trustDomain, nowMs: Date.now() });
  const authority = new CertificateAuthority({ keyPair, trustDomain });
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const spiffeId = 'spiffe://example.org/provider';
  const leaf = new Issuer(keyPair).issue({
    subject: { organization: 'Towline', commonName: 'svid' },
    ...{ publicKey, nowMs: Date.now(), lifetimeMs: 60_000 },
    extensions: [
      ...serverExtensions(['another.example'], {
        publicKey,
        issuerPublicKey: authority.certificate.publicKey,
      }).slice(0, -1),
      uriName(spiffeId),
    ],
  });
  const serving = {
    ...certificates,
    ca: authority.certificatePem,
    serverCert: leaf.toString(),
    serverKey: key,
  };
  const provider = await startTunnelServer(serving, { onStream: echo });
  t.teardown(() => provider.stop());
  const site = { tenant: 'tenant', name: 'site' };
  const tls = { cert: authority.issueSite(site, publicKey), key, ca: authority.certificatePem };
  const { session } = await dialTunnel(options([provider.address], { tls: { ...tls, spiffeId } }));
  t.ok(session.isOpen);
  session.close();
  const other = { ...tls, spiffeId: 'spiffe://example.org/other' };
  const error = await failure(dialTunnel(options([provider.address], { tls: other })));
  t.equal(error.code, 'TLS_UNTRUSTED');
  t.match(await failure(dialTunnel(options([provider.address], { tls }))), {
    code: 'TLS_UNTRUSTED',
  });
});

void t.test(
  'a certificate for clients, or by one that is no CA, is not the provider’s',
  async (t) => {
    const keyPair = createCa({ trustDomain: 'test.example', nowMs: Date.now() });
    const authority = new CertificateAuthority({ keyPair, trustDomain: 'test.example' });
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const subject = { organization: 'Towline', commonName: 'impostor' };
    const times = { nowMs: Date.now(), lifetimeMs: 60_000 };
    const site = authority.issueSite({ name: 'site', tenant: 'tenant' }, publicKey);
    const names = ['localhost', '127.0.0.1'];
    const keys = { publicKey, issuerPublicKey: authority.certificate.publicKey };
    const forClients = clientExtensions('spiffe://test.example/a', keys).slice(0, -1);
    const extensions = serverExtensions(names, { publicKey, issuerPublicKey: publicKey });
    const bySite = signCertificate({
      ...{ subject, publicKey, issuer: issuedBy(new X509Certificate(site)), issuerKey: privateKey },
      ...{ notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + 60_000, extensions },
    });
    const impostors: Record<string, string> = {
      'for clients': new Issuer(keyPair)
        .issue({ subject, publicKey, ...times, extensions: [...forClients, serverNames(names)] })
        .toString(),
      // TLS tells of the dates alone, and they are forgiven.
      'for clients, and just ended': new Issuer(keyPair)
        .issue({
          ...{ subject, publicKey, ...times, lifetimeMs: -1000 },
          extensions: [...forClients, serverNames(names)],
        })
        .toString(),
      'by a site': `${bySite.toString()}${site}`,
    };
    const tls = { ca: authority.certificatePem, cert: site, key };
    for (const [what, serverCert] of Object.entries(impostors)) {
      for (const more of [{}, { earliestMs: Date.now() - 60_000 }]) {
        const serving = { ...certificates, ca: tls.ca, serverCert, serverKey: key };
        const provider = await startTunnelServer(serving, { onStream: echo });
        const dialled = dialTunnel(options([provider.address], { tls: { ...tls, ...more } }));
        t.match(await failure(dialled), { code: 'TLS_UNTRUSTED' }, what);
        await provider.stop();
      }
    }
  },
);

void t.test('a provider that speaks TLS 1.2 is told nothing', async (t) => {
  const provider = await startTunnelServer(certificates, { onStream: echo }, 0, '127.0.0.1', {
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.2',
  });
  t.teardown(() => provider.stop());
  const error = await failure(dialTunnel(options([provider.address])));
  t.match(error.code, /^(TLS_FAILED|CONNECTION_LOST|TLS_UNTRUSTED)$/);
  t.equal(provider.sessions.length, 0);
});
