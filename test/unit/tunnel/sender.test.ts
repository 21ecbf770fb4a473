import t from 'tap';
import type { Carrier } from '../../../src/tunnel/carrier.ts';
import { frameType, headerBytes } from '../../../src/tunnel/frame.ts';
import { defaultLimits } from '../../../src/tunnel/limits.ts';
import { Sender } from '../../../src/tunnel/sender.ts';
import type { TunnelStream } from '../../../src/tunnel/stream.ts';

/** What a sender with ever more to send does in two seconds on a link that holds nothing up. */
function play(roundTripMs: number): { pings: number; bytes: number } {
  let nowMs = 0;
  const total = { pings: 0, bytes: 0 };
  const answers: { atMs: number; id: number }[] = [];
  const carrier = {
    bufferedBytes: 0,
    send: (parts: Buffer[], bytes: number) => {
      total.bytes += bytes;
      for (const part of parts) {
        if (part.length !== headerBytes || part[1] !== frameType.ping) continue;
        total.pings += 1;
        // No two round trips are the same.
        const atMs = nowMs + roundTripMs * (1 + (total.pings % 7) / 20);
        answers.push({ atMs, id: part.readUInt32BE(8) });
      }
    },
  } as unknown as Carrier;
  const clock = { now: () => nowMs, after: () => () => undefined };
  const sender = new Sender(carrier, defaultLimits, clock, () => undefined);
  // So much may be sent until the next tick, as the link takes no more.
  let roomBytes = 0;
  const stream = {
    streamClass: 'bulk',
    hasFrame: () => roomBytes > 0,
    takeFrame: (parts: Buffer[], bytes: number) => {
      roomBytes -= bytes;
      parts.push(Buffer.alloc(headerBytes + bytes, 1));
      return headerBytes + bytes;
    },
    frameSent: () => undefined,
  } as unknown as TunnelStream;
  for (; nowMs < 2_000; nowMs += 0.05) {
    roomBytes = 5_000;
    sender.schedule(stream);
    for (const { id } of answers.splice(0).filter((answer) => {
      if (answer.atMs <= nowMs) return true;
      answers.push(answer);
      return false;
    })) {
      sender.pongReceived(id);
    }
    sender.flush();
  }
  return total;
}

void t.test('a short link is filled, and not by a ping for each round trip', (t) => {
  for (const roundTripMs of [0.2, 0.5, 1, 4]) {
    const { pings, bytes } = play(roundTripMs);
    t.ok(bytes > 150e6, `${roundTripMs} ms: ${Math.round(bytes / 2e6)} MB/s`);
    t.ok(pings < defaultLimits.maxPingsPerSecond, `${pings / 2} pings a second`);
  }
  t.end();
});
