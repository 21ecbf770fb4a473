import { once } from 'node:events';
import { createServer as createHttpsServer } from 'node:https';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import t, { type Test } from 'tap';
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
