/** What a window asks of its session: whether it may grow by so many bytes. */
export type GrowthGrant = (bytes: number) => boolean;

export interface ReceiveWindowOptions {
  readonly initialBytes: number;
  readonly maxBytes: number;
}

/**
 * The receive window of one stream: what the peer may still send, what was read and not yet
 * given back as credit, and the size, which doubles while the peer fills half of it in less than
 * two round trips, since then the window and not the link or the reader is what limits it.
 */
export class ReceiveWindow {
  readonly #maxBytes: number;
  readonly #initialBytes: number;
  #sizeBytes: number;
  #allowedBytes: number;
  #readBytes = 0;
  #creditedAtMs = 0;

  constructor(options: ReceiveWindowOptions) {
    this.#initialBytes = options.initialBytes;
    this.#sizeBytes = options.initialBytes;
    this.#allowedBytes = options.initialBytes;
    this.#maxBytes = options.maxBytes;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get grownBytes(): number {
    return this.#sizeBytes - this.#initialBytes;
  }

  /** Takes what a data frame announces; false when the peer wasn't allowed to send so much. */
  announce(bytes: number): boolean {
    if (bytes > this.#allowedBytes) return false;
    this.#allowedBytes -= bytes;
    return true;
  }

  /** The reader took so many bytes; true once credit is worth a window update. */
  read(bytes: number): boolean {
    this.#readBytes += bytes;
    return this.#readBytes * 2 >= this.#sizeBytes;
  }

  /** The credit to send now. Grows the window first where the link wants it and `grant` allows it. */
  takeCredit(nowMs: number, rttMs: number | undefined, grant: GrowthGrant): number {
    let credit = this.#readBytes;
    if (rttMs !== undefined && nowMs - this.#creditedAtMs < 2 * rttMs) credit += this.#grow(grant);
    this.#creditedAtMs = nowMs;
    this.#readBytes = 0;
    this.#allowedBytes += credit;
    return credit;
  }

  #grow(grant: GrowthGrant): number {
    const growth = Math.min(this.#sizeBytes, this.#maxBytes - this.#sizeBytes);
    if (growth <= 0 || !grant(growth)) return 0;
    this.#sizeBytes += growth;
    return growth;
  }
}
