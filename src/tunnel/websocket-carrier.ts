import type { WebSocket } from 'ws';
import { BufferPool } from './buffer-pool.ts';
import type { Carrier, CarrierHandler } from './carrier.ts';
import { systemClock, type Cancel, type Clock } from './clock.ts';
import { messageOf, nodeErrorCode, TunnelError } from './errors.ts';
import { defaultLimits, maxPooledBuffers, type TunnelLimits } from './limits.ts';
import { TokenBucket } from './token-bucket.ts';

/** Close codes of RFC 6455, section 7.4, and two of our own. */
const closeCode = {
  normal: 1000,
  goingAway: 1001,
  protocolError: 1002,
  internal: 1011,
  replaced: 4001,
  dismissed: 4003,
};

/** Smaller messages come out of the pool that Node keeps for all. */
const minPooledBytes = 4096;
const maxReasonBytes = 123;

export interface CarrierOptions {
  readonly clock?: Clock;
  readonly limits?: Partial<TunnelLimits>;
}

/** A carrier for a session with the same options. */
export function carrierFor(ws: WebSocket, options: CarrierOptions): WebSocketCarrier {
  const limits = { ...defaultLimits, ...options.limits };
  return new WebSocketCarrier(ws, limits, options.clock ?? systemClock);
}

/**
 * The byte stream is the concatenation of all binary messages; their boundaries mean nothing.
 * Text messages end the session. The WebSocket must be open.
 */
export class WebSocketCarrier implements Carrier {
  readonly #ws: WebSocket;
  readonly #limits: TunnelLimits;
  readonly #clock: Clock;
  readonly #pool: BufferPool;
  #error: Error | undefined;
  #cancelTimeout: Cancel | undefined;

  constructor(ws: WebSocket, limits: TunnelLimits, clock: Clock) {
    this.#ws = ws;
    this.#pool = new BufferPool(limits.maxBatchBytes, maxPooledBuffers, clock);
    this.#limits = limits;
    this.#clock = clock;
  }

  get bufferedBytes(): number {
    return this.#ws.bufferedAmount;
  }

  start(handler: CarrierHandler): void {
    const ws = this.#ws;
    const limits = this.#limits;
    this.#onSent = (): void => {
      handler.drained();
    };
    ws.on('message', (data, isBinary) => {
      if (isBinary && Buffer.isBuffer(data)) handler.data(data);
      else handler.violated(new TunnelError('TEXT_MESSAGE', 'the peer sent a text message'));
    });
    const pings = new TokenBucket(limits.maxPingBurst, limits.maxPingsPerSecond, this.#clock);
    ws.on('ping', (data) => {
      if (!pings.take()) {
        handler.violated(new TunnelError('PING_FLOOD', 'the peer pings faster than allowed'));
      } else if (ws.bufferedAmount < limits.maxBufferedBytes) {
        ws.pong(data);
      }
    });
    ws.on('error', (error) => {
      this.#error = error;
    });
    ws.on('close', (code, reason) => {
      this.#cancelTimeout?.();
      handler.closed(closeError(code, reason.toString(), this.#error));
    });
  }

  send(parts: readonly Buffer[], totalBytes: number): void {
    if (this.#ws.readyState !== this.#ws.OPEN) return;
    if (totalBytes < minPooledBytes || totalBytes > this.#pool.bufferBytes) {
      this.#ws.send(Buffer.concat(parts, totalBytes), this.#onSent);
      return;
    }
    const buffer = this.#pool.take();
    let offset = 0;
    for (const part of parts) offset += part.copy(buffer, offset);
    this.#ws.send(buffer.subarray(0, offset), () => {
      this.#pool.give(buffer);
      this.#onSent();
    });
  }

  close(reason: TunnelError): void {
    this.#cancelTimeout = this.#clock.after(this.#limits.closeTimeoutMs, () => {
      this.#ws.terminate();
    });
    this.#ws.close(codeFor(reason), truncate(`${reason.code}: ${reason.message}`));
  }

  terminate(): void {
    this.#ws.terminate();
  }

  #onSent: () => void = () => undefined;
}

function codeFor(reason: TunnelError): number {
  if (reason.code === 'SESSION_CLOSED') return closeCode.normal;
  if (reason.code === 'REPLACED') return closeCode.replaced;
  if (reason.code === 'DISMISSED') return closeCode.dismissed;
  return closeCode.protocolError;
}

function closeError(code: number, reason: string, cause: Error | undefined): TunnelError {
  if (cause !== undefined && nodeErrorCode(cause).startsWith('WS_ERR_')) {
    const text = `the peer broke the WebSocket protocol: ${messageOf(cause)}`;
    return new TunnelError('WEBSOCKET_INVALID', text, { cause });
  }
  const why = reason === '' ? '' : ` (${reason})`;
  switch (code) {
    case closeCode.normal:
    case closeCode.goingAway:
      return new TunnelError('PEER_CLOSED', `the peer closed the tunnel${why}`);
    case closeCode.replaced:
      return new TunnelError('REPLACED', `another connection took over${why}`);
    case closeCode.dismissed:
      return new TunnelError('DISMISSED', `the other end lets this one in no more${why}`);
    case closeCode.protocolError:
    case closeCode.internal:
      return new TunnelError('PEER_ERROR', `the peer ended the tunnel over an error${why}`);
    default: {
      const text = cause === undefined ? why : `: ${messageOf(cause)}`;
      return new TunnelError('CONNECTION_LOST', `the connection was lost${text}`, { cause });
    }
  }
}

function truncate(text: string): Buffer {
  const bytes = Buffer.from(text);
  if (bytes.length <= maxReasonBytes) return bytes;
  return Buffer.from(
    bytes
      .subarray(0, maxReasonBytes)
      .toString('utf8')
      .replace(/\uFFFD+$/u, ''),
  );
}
