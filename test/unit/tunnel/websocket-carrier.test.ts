import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { TunnelError } from '../../../src/tunnel/errors.ts';
import { maxMessageBytes, type TunnelLimits } from '../../../src/tunnel/limits.ts';
import type { Session } from '../../../src/tunnel/session.ts';
import { testCertificates } from './certificates.ts';
import { startTunnelServer, type TunnelServer } from './tunnel-server.ts';

const certificates = testCertificates();

async function server(t: Test, limits: Partial<TunnelLimits> = {}): Promise<TunnelServer> {
  const session = { onStream: () => undefined, limits };
  const started = await startTunnelServer(certificates, session);
  t.teardown(() => started.stop());
  return started;
}

/** An upgraded connection that speaks WebSocket by hand. */
async function byHand(provider: TunnelServer): Promise<{ socket: TLSSocket; session: Session }> {
  const { client } = certificates;
  const socket = connect({ ...client, host: '127.0.0.1', port: provider.port });
  const key = randomBytes(16).toString('base64');
  socket.write(
    'GET /v1/tunnel HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n` +
      'Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n',
  );
  const [answer] = (await once(socket, 'data')) as [Buffer];
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`);
  if (!answer.toString().includes(accept.digest('base64'))) throw new TypeError('no upgrade');
  if (/permessage-deflate/i.test(answer.toString())) throw new TypeError('compression was agreed');
  socket.on('error', () => undefined).resume();
  const session = provider.sessions.at(-1);
  if (!session) throw new TypeError('no session');
  return { socket, session };
}

/** A frame with a mask of zero. */
function wsFrame(firstByte: number, payload: Buffer): Buffer {
  const length = Buffer.alloc(payload.length < 126 ? 2 : 10);
  length[0] = firstByte;
  length[1] = 0x80 | (payload.length < 126 ? payload.length : 127);
  if (payload.length >= 126) length.writeBigUInt64BE(BigInt(payload.length), 2);
  return Buffer.concat([length, Buffer.alloc(4), payload]);
}

void t.test('a text message is a protocol error', async (t) => {
  const provider = await server(t);
  const ws = new WebSocket(provider.address, certificates.client);
  await once(ws, 'open');
  ws.send('hello');
  const [code] = (await once(ws, 'close')) as [number];
  t.equal(code, 1002);
  t.equal((await provider.sessions[0]?.closed)?.code, 'TEXT_MESSAGE');
});

void t.test('messages that WebSocket does not allow end the session', async (t) => {
  const provider = await server(t);
  const zeros = Buffer.alloc(10);
  const attacks: Record<string, Buffer> = {
    'compressed without agreement': wsFrame(0xc2, zeros),
    'unknown opcode': wsFrame(0x83, zeros),
    'reserved bit': wsFrame(0xa2, zeros),
    'larger than allowed': wsFrame(0x82, Buffer.alloc(maxMessageBytes + 1)),
    'announced as enormous': Buffer.from('82ff7fffffffffffffff00000000', 'hex'),
    'continuation of nothing': wsFrame(0x80, zeros),
    'too many fragments': Buffer.concat([
      wsFrame(0x02, zeros),
      ...Array<Buffer>(100).fill(wsFrame(0x00, Buffer.from('x'))),
    ]),
    'not masked': Buffer.from('820178', 'hex'),
  };
  for (const [name, bytes] of Object.entries(attacks)) {
    const { socket, session } = await byHand(provider);
    socket.write(bytes);
    t.equal((await session.closed).code, 'WEBSOCKET_INVALID', name);
    socket.destroy();
  }
});

void t.test('a flood of WebSocket pings by a peer that reads nothing is not queued', async (t) => {
  const provider = await server(t);
  const { socket, session } = await byHand(provider);
  socket.pause();
  const pings = Buffer.concat(Array<Buffer>(1000).fill(wsFrame(0x89, Buffer.alloc(125))));
  for (let i = 0; i < 100 && session.isOpen; i++) {
    await new Promise((resolve) => socket.write(pings, resolve));
  }
  socket.destroy();
  t.equal((await session.closed).code, 'PING_FLOOD');
});

void t.test('a connection that just ends is lost', async (t) => {
  const provider = await server(t);
  const { socket, session } = await byHand(provider);
  socket.destroy();
  t.equal((await session.closed).code, 'CONNECTION_LOST');
});

void t.test('the reason for closing crosses, and being replaced has a code', async (t) => {
  const provider = await server(t);
  const { socket, session } = await byHand(provider);
  const received: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => received.push(chunk));
  session.close(new TunnelError('REPLACED', 'a newer connection of this site is here'));
  socket.write(wsFrame(0x88, Buffer.from([0x0f, 0xa1])));
  await once(socket, 'close');
  const bytes = Buffer.concat(received);
  t.ok(bytes.includes(Buffer.from([0x0f, 0xa1])), 'close code 4001');
  t.ok(bytes.includes('REPLACED: a newer connection'));
});

void t.test(
  'a peer that drips one message for ever is silent, and holds no more than it',
  async (t) => {
    const limits = { pingAfterMs: 100, askAfterMs: 100, deadAfterMs: 300 };
    const provider = await server(t, limits);
    const { socket, session } = await byHand(provider);
    const message = wsFrame(0x82, Buffer.alloc(maxMessageBytes));
    let said = 0;
    const drip = setInterval(() => {
      if (!socket.destroyed) socket.write(message.subarray(said, (said += 1)));
    }, 10);
    t.equal((await session.closed).code, 'PEER_SILENT');
    clearInterval(drip);
    t.ok(said > 3 && said < 1000, `${said} bytes of ${message.length}`);
    socket.destroy();
  },
);
