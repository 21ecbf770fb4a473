import { setTimeout as sleep } from 'node:timers/promises';
import type { WebSocket } from 'ws';
import type { Session } from '../src/tunnel/session.ts';
import { slowLink } from './slow-link.ts';
import { BenchProvider, openTask } from './tunnel-provider.ts';

export interface TunnelBenchOptions {
  /** Bytes of one bulk run. */
  bulkBytes?: number;
  /** Keys typed on the slow link. */
  keys?: number;
}

const mib = 1024 * 1024;
const chunkBytes = 64 * 1024;

/**
 * One process per end, over TLS on loopback; the device sends. Every speed is the best of three
 * runs, with the bare WebSocket in turn with the tunnel. `keystroke_p99_ms_on_1mbit` is missing
 * where no network namespace can be made.
 */
export async function run(options: TunnelBenchOptions = {}): Promise<Record<string, number>> {
  const bulkBytes = options.bulkBytes ?? 1024 * mib;
  const provider = new BenchProvider(['127.0.0.1', slowLink.providerIp]);
  await provider.start();
  try {
    const idle = await idleSessionKb(provider);
    const speeds = await measureSpeeds(provider, bulkBytes);
    const keystroke = await keystrokeMs(provider, options.keys ?? 200);
    const { raw, bulk, thousand, openUs } = speeds;
    return {
      bulk_mb_s: Math.round(bulk),
      raw_ws_mb_s: Math.round(raw),
      ratio: round(bulk / raw),
      streams_1000_mb_s: Math.round(thousand),
      open_rtt_p50_us: Math.round(openUs),
      idle_session_kb: Math.round(idle),
      ...(keystroke === undefined ? {} : { keystroke_p99_ms_on_1mbit: Math.round(keystroke) }),
    };
  } finally {
    provider.stop();
  }
}

async function idleSessionKb(provider: BenchProvider): Promise<number> {
  const few = await provider.tunnel({ sessions: 50 });
  const before = await settledRss();
  const many = await provider.tunnel({ sessions: 400 });
  const after = await settledRss();
  for (const session of [...few.sessions, ...many.sessions]) session.close();
  few.stop();
  many.stop();
  return (after - before) / 400 / 1024;
}

async function settledRss(): Promise<number> {
  await sleep(500);
  globalThis.gc?.();
  await sleep(200);
  return process.memoryUsage.rss();
}

interface Speeds {
  raw: number;
  bulk: number;
  thousand: number;
  openUs: number;
}

async function measureSpeeds(provider: BenchProvider, bytes: number): Promise<Speeds> {
  const raw = await provider.raw();
  const tunnel = await provider.tunnel();
  const [session] = tunnel.sessions;
  if (!session) throw new TypeError('no session');
  const best: Speeds = { raw: 0, bulk: 0, thousand: 0, openUs: 0 };
  for (let i = 0; i < 3; i++) {
    best.raw = Math.max(best.raw, await rawSpeed(raw.ws, bytes));
    best.bulk = Math.max(best.bulk, await streamSpeed(session, bytes, 1));
    best.thousand = Math.max(best.thousand, await streamSpeed(session, bytes, 1000));
  }
  best.openUs = await openRoundTripUs(session);
  raw.ws.close();
  session.close();
  raw.stop();
  tunnel.stop();
  return best;
}

async function rawSpeed(ws: WebSocket, bytes: number): Promise<number> {
  const begun = performance.now();
  ws.send(JSON.stringify({ bytes, chunkBytes }));
  let received = 0;
  await new Promise<void>((resolve) => {
    const onMessage = (data: Buffer): void => {
      received += data.length;
      if (received < bytes) return;
      ws.off('message', onMessage);
      resolve();
    };
    ws.on('message', onMessage);
  });
  return megabytesPerSecond(bytes, begun);
}

async function streamSpeed(session: Session, bytes: number, count: number): Promise<number> {
  const begun = performance.now();
  const each = Math.ceil(bytes / count / chunkBytes) * chunkBytes;
  const received = await Promise.all(
    Array.from({ length: count }, async () => {
      const task = { do: 'send', streamClass: 'bulk', bytes: each, chunkBytes } as const;
      const stream = await openTask(session, task);
      stream.end();
      let sum = 0;
      stream.on('data', (chunk: Buffer) => {
        sum += chunk.length;
      });
      await new Promise((resolve) => stream.once('close', resolve));
      return sum;
    }),
  );
  const sum = received.reduce((a, b) => a + b, 0);
  if (sum !== each * count) throw new TypeError(`${sum} bytes arrived of ${each * count}`);
  return megabytesPerSecond(sum, begun);
}

/** From opening a stream to the first byte back on it. */
async function openRoundTripUs(session: Session): Promise<number> {
  const times: number[] = [];
  const task = { do: 'echo', streamClass: 'interactive', bytes: 0, chunkBytes } as const;
  for (let i = 0; i < 500; i++) {
    const begun = performance.now();
    const stream = await openTask(session, task);
    stream.write('x');
    await new Promise((resolve) => stream.once('data', resolve));
    times.push((performance.now() - begun) * 1000);
    stream.destroy();
  }
  return percentile(times, 0.5);
}

/** Round trips of single keys while a copy and a log fill the device's uplink of 1 Mbit/s. */
async function keystrokeMs(provider: BenchProvider, keys: number): Promise<number | undefined> {
  const link = slowLink.create();
  if (link === undefined) return undefined;
  try {
    const { prefix } = link;
    const { sessions, stop } = await provider.tunnel({ prefix, host: slowLink.providerIp });
    const [session] = sessions;
    if (!session) throw new TypeError('no session');
    const copy = { do: 'send', streamClass: 'bulk', bytes: 1024 * mib, chunkBytes } as const;
    const log = { ...copy, bytes: 64 * mib, chunkBytes: 200, streamClass: 'bulk' } as const;
    const shell = { ...copy, do: 'echo', streamClass: 'interactive' } as const;
    const loads = [await openTask(session, copy), await openTask(session, log)];
    for (const load of loads) load.resume();
    const terminal = await openTask(session, shell);
    await sleep(2000);
    const times: number[] = [];
    for (let i = 0; i < keys; i++) {
      const begun = performance.now();
      terminal.write('x');
      await new Promise((resolve) => terminal.once('data', resolve));
      times.push(performance.now() - begun);
      await sleep(20);
    }
    session.close();
    stop();
    return percentile(times, 0.99);
  } finally {
    link.remove();
  }
}

function percentile(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

function megabytesPerSecond(bytes: number, begunMs: number): number {
  return bytes / 1e6 / ((performance.now() - begunMs) / 1000);
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
