import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { KubeletApiError } from './kubelet-api-error.ts';

const statusLineBytes = 'HTTP/1.1 101'.length;

/**
 * Looks at the start of an HTTP response without taking it from the stream, and lets only the
 * answers through that an upgrade can have: 101, or an error. A redirect above all is not passed
 * on: the API server would follow it with its own rights.
 * @throws KubeletApiError `NODE_ANSWER_INVALID`
 */
export async function requireUpgradeResponse(stream: Duplex, signal: AbortSignal): Promise<void> {
  const start = await peek(stream, statusLineBytes, signal);
  const statusLine = start.subarray(0, statusLineBytes).toString('latin1');
  if (/^HTTP\/1\.[01] (101|[45]\d\d)$/.test(statusLine)) return;
  throw new KubeletApiError(
    'NODE_ANSWER_INVALID',
    'the container runtime of the site gave an answer that no upgrade can have',
  );
}

async function peek(stream: Duplex, bytes: number, signal: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  while (length < bytes) {
    const chunk = stream.read() as Buffer | null;
    if (chunk !== null) {
      chunks.push(chunk);
      length += chunk.length;
    } else if (stream.readableEnded || stream.destroyed) {
      break;
    } else {
      await readableOrOver(stream, signal);
    }
  }
  const start = Buffer.concat(chunks);
  if (length >= bytes) stream.unshift(start);
  return start;
}

async function readableOrOver(stream: Duplex, signal: AbortSignal): Promise<void> {
  const waiting = new AbortController();
  const options = { signal: AbortSignal.any([signal, waiting.signal]) };
  try {
    await Promise.race([
      once(stream, 'readable', options),
      once(stream, 'end', options),
      once(stream, 'close', options),
    ]);
  } finally {
    waiting.abort();
  }
}
