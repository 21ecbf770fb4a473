import type { TunnelError } from './errors.ts';

/** A reliable, ordered byte pipe to the peer, as a session needs it. */
export interface Carrier {
  /** Bytes taken by `send` that the kernel has not taken yet. */
  readonly bufferedBytes: number;
  /** Begins delivery; called once. */
  start(handler: CarrierHandler): void;
  /** Takes over `parts`, `totalBytes` together. Ignored once the carrier is closing. */
  send(parts: readonly Buffer[], totalBytes: number): void;
  /** Sends what was taken, tells the peer why as far as it can, then closes. */
  close(reason: TunnelError): void;
  /** Closes at once; what was taken may be lost. */
  terminate(): void;
}

export interface CarrierHandler {
  data(bytes: Buffer): void;
  /** `bufferedBytes` has become less. */
  drained(): void;
  /** The peer sent something that isn't allowed on this carrier. The session then closes it. */
  violated(error: TunnelError): void;
  /** The carrier is gone; called once, and nothing after it. */
  closed(error: TunnelError): void;
}
