import { connect as connectTcp } from 'node:net';
import { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';

/** What a TLS client says first. */
function clientHello(): Promise<Buffer> {
  const { promise, resolve } = Promise.withResolvers<Buffer>();
  const road = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => {
      resolve(chunk);
      done();
    },
  });
  connectTls({ socket: road, rejectUnauthorized: false }).on('error', () => undefined);
  return promise;
}

/**
 * Begins TLS with a server on this machine, one byte every so often, so that something always comes.
 * @returns how much of its first message it could say before it was cut off, from 0 to 1.
 */
export async function dripHandshake(port: number, everyMs: number): Promise<number> {
  const hello = await clientHello();
  const socket = connectTcp(port, '127.0.0.1');
  let said = 0;
  const drip = setInterval(() => {
    if (said < hello.length) socket.write(hello.subarray(said, (said += 1)));
  }, everyMs);
  socket.on('error', () => undefined).resume();
  await new Promise((resolve) => socket.once('close', resolve));
  clearInterval(drip);
  return said / hello.length;
}
