import type { Carrier, CarrierHandler } from '../../../src/tunnel/carrier.ts';
import { TunnelError } from '../../../src/tunnel/errors.ts';

/** Two carriers joined to each other; what one sends the other gets in a later task, in order. */
export function memoryPair(): [MemoryCarrier, MemoryCarrier] {
  const a = new MemoryCarrier();
  const b = new MemoryCarrier();
  a.peer = b;
  b.peer = a;
  return [a, b];
}

export class MemoryCarrier implements Carrier {
  peer: MemoryCarrier | undefined;
  /** Everything sent, for tests that look at the wire. */
  sent: Buffer[] = [];
  /** While set, sent bytes are kept back, as on a link that takes nothing. */
  blocked = false;
  /** While set, sent bytes vanish, as on a black-holed link. */
  blackHoled = false;
  /** How arriving bytes are cut up before delivery. */
  cut: (bytes: Buffer) => Buffer[] = (bytes) => [bytes];
  bufferedBytes = 0;
  closeReason: TunnelError | undefined;
  #handler: CarrierHandler | undefined;
  #queue: Buffer[] = [];
  #gone = false;

  start(handler: CarrierHandler): void {
    this.#handler = handler;
  }

  send(parts: readonly Buffer[], totalBytes: number): void {
    if (this.#gone) return;
    const bytes = Buffer.concat(parts, totalBytes);
    this.sent.push(bytes);
    this.bufferedBytes += bytes.length;
    this.#queue.push(bytes);
    setImmediate(() => {
      this.pump();
    });
  }

  /** Delivers what is queued, unless the link is blocked. */
  pump(): void {
    if (this.blocked) return;
    for (;;) {
      const bytes = this.#queue.shift();
      if (bytes === undefined) break;
      this.bufferedBytes -= bytes.length;
      if (!this.blackHoled) this.peer?.deliver(bytes);
    }
    this.#handler?.drained();
  }

  /** Gives bytes to this end's session, as if the peer had sent them. */
  deliver(bytes: Buffer): void {
    for (const piece of this.cut(bytes)) if (!this.#gone) this.#handler?.data(piece);
  }

  close(reason: TunnelError): void {
    this.closeReason = reason;
    this.pump();
    setImmediate(() => {
      this.lose(reason);
      this.peer?.lose(new TunnelError('PEER_CLOSED', 'the peer closed'));
    });
  }

  terminate(): void {
    this.lose(new TunnelError('CONNECTION_LOST', 'terminated'));
    if (!this.blackHoled) this.peer?.lose(new TunnelError('CONNECTION_LOST', 'terminated'));
  }

  /** Ends the carrier at this end. */
  lose(reason: TunnelError): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#handler?.closed(reason);
  }
}
