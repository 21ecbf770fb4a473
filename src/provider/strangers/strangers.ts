import type { Socket } from 'node:net';
import type { Clock } from '../../tunnel/clock.ts';
import { strangerPatienceMs } from './limits.ts';
import { sourceOf } from './source-of.ts';

/** The four numbers that make a TCP connection one; TLS on it has the same. */
export type Ends = Pick<Socket, 'remoteAddress' | 'remotePort' | 'localAddress' | 'localPort'>;

/** A TCP connection as it was accepted. */
export type Connection = Ends & {
  readonly destroyed: boolean;
  once(event: 'close', listener: () => void): unknown;
  resetAndDestroy(): unknown;
};

interface Stranger {
  readonly key: string;
  readonly connection: Connection;
  readonly source: string;
  readonly sinceMs: number;
}

export interface StrangersOptions {
  readonly max: number;
  readonly clock: Pick<Clock, 'now'>;
  /** Called for each that had to go. */
  readonly onDropped?: () => void;
}

/**
 * The connections whose client hasn't shown yet who it is, and a bound of their number. When there is
 * one too many, the address that has most of them loses one: its oldest where that was borne for
 * `strangerPatienceMs`, else its newest. So whoever holds connections without end makes room for those
 * who come to show something, nobody with few is put out for somebody with many, and what is half done
 * in a rush isn't thrown away for what has just begun.
 */
export class Strangers {
  readonly #options: StrangersOptions;
  readonly #strangers = new Map<string, Stranger>();
  /** The oldest of a source is first. */
  readonly #bySource = new Map<string, Set<Stranger>>();

  constructor(options: StrangersOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#strangers.size;
  }

  /** Counts a connection that was just accepted. False when it had to go at once. */
  take(connection: Connection): boolean {
    const { remoteAddress } = connection;
    if (remoteAddress === undefined) {
      connection.resetAndDestroy();
      return false;
    }
    this.#add({
      ...{ key: keyOf(connection), connection, source: sourceOf(remoteAddress) },
      sinceMs: this.#options.clock.now(),
    });
    return !connection.destroyed;
  }

  /** Whoever is at the other end has shown who it is: the connection counts no more. */
  welcome(connection: Ends): void {
    this.#forget(keyOf(connection));
  }

  #add(stranger: Stranger): void {
    const { key, connection, source } = stranger;
    this.#forget(key);
    this.#strangers.set(key, stranger);
    const ofSource = this.#bySource.get(source) ?? new Set();
    this.#bySource.set(source, ofSource.add(stranger));
    connection.once('close', () => {
      if (this.#strangers.get(key) === stranger) this.#forget(key);
    });
    if (this.count > this.#options.max) this.#dropOne(ofSource);
  }

  #dropOne(newest: ReadonlySet<Stranger>): void {
    const { oldest, largest } = this.#largest(newest);
    const overdue = this.#options.clock.now() - oldest.sinceMs >= strangerPatienceMs;
    const dropped = overdue ? oldest : (Array.from(largest).at(-1) ?? oldest);
    this.#forget(dropped.key);
    dropped.connection.resetAndDestroy();
    this.#options.onDropped?.();
  }

  /** Of the sources with most strangers the one of the newest, if it is among them, and the oldest of them all. */
  #largest(newest: ReadonlySet<Stranger>): { oldest: Stranger; largest: ReadonlySet<Stranger> } {
    let largest = newest;
    let [oldest] = newest as Iterable<Stranger>;
    for (const ofSource of this.#bySource.values()) {
      const [first] = ofSource;
      if (first === undefined || ofSource.size < largest.size) continue;
      if (ofSource.size > largest.size) [largest, oldest] = [ofSource, first];
      else if (oldest === undefined || first.sinceMs < oldest.sinceMs) oldest = first;
    }
    if (oldest === undefined) throw new TypeError('there is no stranger');
    return { oldest, largest };
  }

  #forget(key: string): void {
    const stranger = this.#strangers.get(key);
    if (stranger === undefined) return;
    this.#strangers.delete(key);
    const ofSource = this.#bySource.get(stranger.source);
    ofSource?.delete(stranger);
    if (ofSource?.size === 0) this.#bySource.delete(stranger.source);
  }
}

function keyOf({ remoteAddress, remotePort, localAddress, localPort }: Ends): string {
  return `${remoteAddress ?? ''} ${remotePort ?? ''} ${localAddress ?? ''} ${localPort ?? ''}`;
}
