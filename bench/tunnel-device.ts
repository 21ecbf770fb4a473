import { readFileSync } from 'node:fs';
import { finished, pipeline } from 'node:stream/promises';
import { WebSocket } from 'ws';
import { dialTunnel, type TunnelTls } from '../src/tunnel/dial.ts';
import { FrameReader } from '../src/tunnel/json-frame.ts';
import type { StreamClass, TunnelStream } from '../src/tunnel/stream.ts';

/** What the provider's end asks of the device's end, at the head of a stream. */
export interface Task {
  do: 'send' | 'echo';
  streamClass: StreamClass;
  bytes: number;
  chunkBytes: number;
}

interface DeviceArguments {
  kind: 'tunnel' | 'raw';
  address: string;
  sessions: number;
  tls: TunnelTls;
}

// Run by bench/tunnel.ts: node bench/tunnel-device.ts FILE-WITH-ARGUMENTS
const file = process.argv[2];
if (file === undefined) throw new TypeError('the file with the arguments is missing');
const given = JSON.parse(readFileSync(file, 'utf8')) as DeviceArguments;
const stop = new AbortController();
process.once('SIGTERM', () => {
  stop.abort();
});
if (given.kind === 'tunnel') await tunnel(given);
else await raw(given);

async function tunnel({ address, sessions, tls }: DeviceArguments): Promise<void> {
  const closed: Promise<unknown>[] = [];
  for (let i = 0; i < sessions; i++) {
    const dialled = await dialTunnel({
      addresses: [address],
      tls,
      signal: stop.signal,
      session: { onStream: (stream) => void perform(stream) },
    });
    closed.push(dialled.session.closed);
  }
  await Promise.all(closed);
}

async function perform(stream: TunnelStream): Promise<void> {
  const task = (await new FrameReader(stream, 4096).read()) as Task;
  stream.streamClass = task.streamClass;
  if (task.do === 'echo') await pipeline(stream, stream).catch(() => undefined);
  else await sendBytes(stream, task).catch(() => undefined);
}

async function sendBytes(stream: TunnelStream, task: Task): Promise<void> {
  const chunk = Buffer.alloc(task.chunkBytes, 7);
  stream.resume();
  for (let left = task.bytes; left > 0; left -= chunk.length) {
    if (stream.write(chunk)) continue;
    await new Promise<void>((resolve, reject) => {
      stream.once('drain', resolve).once('close', () => {
        reject(new TypeError('the provider hung up'));
      });
    });
    stream.removeAllListeners('close');
  }
  stream.end();
  await finished(stream);
}

/** The bare WebSocket: sends as many bytes as the first message says, as the tunnel would. */
async function raw({ address, tls }: DeviceArguments): Promise<void> {
  const ws = new WebSocket(address, {
    ...tls,
    perMessageDeflate: false,
    generateMask: (mask) => {
      mask.fill(0);
    },
  });
  ws.on('message', (data: Buffer) => {
    const task = JSON.parse(data.toString()) as Task;
    const chunk = Buffer.alloc(task.chunkBytes, 7);
    let left = task.bytes;
    const fill = (): void => {
      while (left > 0 && ws.bufferedAmount < 256 * 1024) {
        left -= chunk.length;
        ws.send(chunk, fill);
      }
    };
    fill();
  });
  await new Promise((resolve) => ws.once('close', resolve));
}
