import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { HostLogHead, ProviderStreamReply, StatsHead } from '../../protocol/stream-head.ts';
import { writeFrame } from '../../tunnel/json-frame.ts';
import type { TunnelStream } from '../../tunnel/stream.ts';
import { openHostLog } from '../logs/host-log.ts';
import { LogError } from '../logs/log-error.ts';
import type { NodeEndpoints } from '../stats/node-endpoints.ts';
import { StreamRefusal } from './stream-refusal.ts';

/** Sends what a read-only endpoint says, compressed. */
export async function serveStats(
  stream: TunnelStream,
  head: StatsHead,
  { endpoints }: { endpoints: Pick<NodeEndpoints, 'read'> },
): Promise<void> {
  await sendCompressed(stream, Readable.from([await endpoints.read(head)]));
}

/** Sends a file of the device's logs, or the list of a folder, compressed. @throws LogError, StreamRefusal */
export async function serveHostLog(
  stream: TunnelStream,
  head: HostLogHead,
  { hostLogRoot }: { hostLogRoot: string },
): Promise<void> {
  await sendCompressed(stream, await open());

  async function open(): Promise<Readable> {
    try {
      return await openHostLog(hostLogRoot, head.path);
    } catch (error) {
      if (!(error instanceof LogError) || error.code !== 'LOG_NOT_FOUND') throw error;
      throw new StreamRefusal(404, '404 page not found', { cause: error });
    }
  }
}

async function sendCompressed(stream: TunnelStream, body: Readable): Promise<void> {
  const gone = new AbortController();
  stream.once('close', () => {
    gone.abort();
  });
  stream.resume();
  try {
    const reply: ProviderStreamReply = { ok: true };
    await writeFrame(stream, reply);
    await pipeline(body, createGzip(), stream);
  } catch (error) {
    body.destroy();
    if (!gone.signal.aborted) throw error;
  }
}
