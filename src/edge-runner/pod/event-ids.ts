import { randomBytes } from 'node:crypto';
import type { Clock } from './clock.ts';

/** The provider names an Event by the first 12 digits of its time: 2¹⁶ ns apart they differ. */
const stepNanos = 1n << 16n;

/** A step back of the clock by more than this is followed. */
const maxAheadNanos = 1_000_000_000n;

/**
 * Ids of events: the time in nanoseconds as 16 hexadecimal digits, each later than the last, and eight
 * random ones, so that they are ordered, and unique on the site whatever its clock says.
 */
export class EventIds {
  readonly #clock: Pick<Clock, 'wallMs'>;
  #lastNanos = 0n;

  constructor(clock: Pick<Clock, 'wallMs'>) {
    this.#clock = clock;
  }

  next(): string {
    const nowNanos = BigInt(Math.max(0, Math.floor(this.#clock.wallMs()))) * 1_000_000n;
    const after = this.#lastNanos + stepNanos;
    const isAhead = after > nowNanos && after - nowNanos < maxAheadNanos;
    this.#lastNanos = isAhead ? after : nowNanos;
    const time = this.#lastNanos.toString(16).padStart(16, '0');
    return `${time}-${randomBytes(4).toString('hex')}`;
  }
}
