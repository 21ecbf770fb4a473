import { ArrivalRate } from './arrival-rate.ts';
import type { Clock } from './clock.ts';
import {
  maxGrowth,
  minGrowth,
  minProbeBytes,
  minRttMemoryMs,
  minUnusedMs,
  pieceMs,
  probeIntervalMs,
  probesUnderWay,
  type TunnelLimits,
  unusedRoundTrips,
} from './limits.ts';
import type { StreamClass } from './stream.ts';

interface Probe {
  readonly sentAtMs: number;
  /** Everything sent before it, which its answer says has arrived. */
  readonly position: number;
  readonly inFlightBytes: number;
}

/**
 * Bounds how much is on its way to the peer. Node has no say over the kernel's send buffer, which
 * takes megabytes; on a slow uplink that is half a minute in which nothing urgent gets through.
 * So pings go along with the data, and by the delay of their answers this keeps no more under way
 * than the link carries in one round trip plus `maxQueueDelayMs`.
 *
 * The bound grows while it is made use of and no queue builds up, and shrinks to what the link was
 * seen to carry as soon as one does. The rate seen keeps it from shrinking further and further
 * where answers are late for another reason, such as a peer that is short of processor time. While
 * it isn't made use of it is halved again and again (as RFC 7661 does with TCP's window), for the
 * link may have become slower since. What counts as a queue is measured against the shortest round
 * trip; when that is old, sending pauses for about one round trip so that it can be measured
 * without a queue of this end's own making.
 */
export class InFlight {
  readonly #clock: Clock;
  readonly #limits: TunnelLimits;
  readonly #probes = new Map<number, Probe>();
  #sentBytes = 0;
  #arrivedBytes = 0;
  #probedBytes = 0;
  #lastProbeMs = Number.NEGATIVE_INFINITY;
  #limitBytes: number;
  #limited = false;
  #draining = false;
  #rttMs: number | undefined;
  #minRttMs: number | undefined;
  #minRttAtMs = 0;
  #usedAtMs: number;
  readonly #arrivals = new ArrivalRate();
  #growth = maxGrowth;
  #adjustedAtMs = Number.NEGATIVE_INFINITY;

  constructor(limits: TunnelLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
    this.#limitBytes = limits.initialInFlightBytes;
    this.#usedAtMs = clock.now();
  }

  /** The latest round trip, with whatever queues it met. */
  get rttMs(): number | undefined {
    return this.#rttMs;
  }

  get limitBytes(): number {
    return this.#limitBytes;
  }

  /** Largest payload of a frame, so that one piece keeps the link busy for a short time only. */
  get chunkBytes(): number {
    const { minChunkBytes, maxChunkBytes, maxQueueDelayMs } = this.#limits;
    if (this.#draining) return Math.min(minChunkBytes, this.#cleanBytes / 2);
    const bytesPerMs = this.#limitBytes / ((this.#minRttMs ?? 0) + maxQueueDelayMs);
    return Math.max(minChunkBytes, Math.min(maxChunkBytes, Math.floor(bytesPerMs * pieceMs)));
  }

  /** Whether a stream of the class may send now. Control always may; interactive has a little in reserve. */
  allows(streamClass: StreamClass): boolean {
    if (streamClass === 'control') return true;
    const interactive = streamClass === 'interactive';
    const reserve = interactive ? this.#limits.minInFlightBytes : 0;
    const most = this.#limitBytes + reserve;
    const allowed =
      this.#inFlightBytes < (this.#draining ? this.#mostWhileDraining(interactive) : most);
    if (!allowed) this.#limited = true;
    return allowed;
  }

  sent(bytes: number): void {
    const nowMs = this.#clock.now();
    if (this.#inFlightBytes === 0) this.#arrivals.begin(nowMs);
    this.#forgetUnused(nowMs);
    this.#sentBytes += bytes;
    if (this.#inFlightBytes >= this.#limitBytes / 2) this.#usedAtMs = nowMs;
  }

  /** Whether a ping should follow what was sent. Small traffic needs none. */
  get probeDue(): boolean {
    const unprobedBytes = this.#sentBytes - this.#probedBytes;
    if (this.#probes.size === 0 && this.#limited) return true;
    if (unprobedBytes < Math.max(minProbeBytes, this.#limitBytes / probesUnderWay)) return false;
    return this.#clock.now() - this.#lastProbeMs >= probeIntervalMs;
  }

  /** A ping of any origin goes out behind everything sent so far. */
  pinged(id: number): void {
    const nowMs = this.#clock.now();
    this.#probes.set(id, {
      sentAtMs: nowMs,
      position: this.#sentBytes,
      inFlightBytes: this.#inFlightBytes,
    });
    this.#probedBytes = this.#sentBytes;
    this.#lastProbeMs = nowMs;
    this.#limited = false;
  }

  /** The answer to a ping. Gives its round trip, or undefined when no such ping was sent. */
  answered(id: number): number | undefined {
    const probe = this.#probes.get(id);
    if (probe === undefined) return undefined;
    this.#probes.delete(id);
    const nowMs = this.#clock.now();
    const rttMs = Math.max(nowMs - probe.sentAtMs, 0.01);
    this.#rttMs = rttMs;
    this.#arrivals.add(probe.position - this.#arrivedBytes, nowMs);
    this.#arrivedBytes = probe.position;
    // More may go now, and the next ping follows it: before it, half of the bound would look unused for ever.
    this.#limited = false;
    const minRttMs = this.#updateMinRtt(rttMs, probe);
    this.#adjust(rttMs, minRttMs, probe);
    return rttMs;
  }

  get #inFlightBytes(): number {
    return this.#sentBytes - this.#arrivedBytes;
  }

  #mostWhileDraining(interactive: boolean): number {
    return interactive ? this.#cleanBytes / 2 : 0;
  }

  /** So little under way that it makes no queue worth mentioning. */
  get #cleanBytes(): number {
    return this.#limits.minInFlightBytes / 4;
  }

  #forgetUnused(nowMs: number): void {
    const periodMs = Math.max(minUnusedMs, unusedRoundTrips * (this.#minRttMs ?? 0));
    const periods = Math.floor((nowMs - this.#usedAtMs) / periodMs);
    const { initialInFlightBytes } = this.#limits;
    if (periods < 1 || this.#limitBytes <= initialInFlightBytes) return;
    this.#limitBytes = Math.max(initialInFlightBytes, this.#limitBytes / 2 ** periods);
    this.#usedAtMs = nowMs;
    this.#growth = maxGrowth;
  }

  #updateMinRtt(rttMs: number, probe: Probe): number {
    const nowMs = this.#clock.now();
    const stale = nowMs - this.#minRttAtMs > minRttMemoryMs;
    const clean = probe.inFlightBytes <= this.#cleanBytes;
    if (this.#minRttMs === undefined || rttMs <= this.#minRttMs || (stale && clean)) {
      this.#minRttMs = rttMs;
      this.#minRttAtMs = nowMs;
      this.#draining = false;
    } else if (rttMs < this.#minRttMs * 1.1 + 1) {
      this.#minRttAtMs = nowMs;
      this.#draining = false;
    } else if (stale) {
      this.#draining = true;
    }
    return this.#minRttMs;
  }

  /** Once per round trip: what was sent before the last change says nothing about it. */
  #adjust(rttMs: number, minRttMs: number, probe: Probe): void {
    if (probe.sentAtMs < this.#adjustedAtMs) return;
    const queueMs = rttMs - minRttMs;
    const { maxQueueDelayMs, minInFlightBytes } = this.#limits;
    const before = this.#limitBytes;
    if (queueMs > maxQueueDelayMs) {
      const bytesPerMs = this.#arrivals.bytesPerMs ?? probe.inFlightBytes / rttMs;
      const fitting = bytesPerMs * (minRttMs + maxQueueDelayMs);
      this.#limitBytes = Math.max(minInFlightBytes, Math.min(before, fitting));
      this.#growth = minGrowth;
    } else if (this.#hasRoomToGrow(queueMs, probe)) {
      this.#limitBytes = Math.min(before * this.#growth, Number.MAX_SAFE_INTEGER);
      this.#growth = Math.min(maxGrowth, this.#growth * 1.1);
    }
    if (this.#limitBytes !== before) this.#adjustedAtMs = this.#clock.now();
  }

  #hasRoomToGrow(queueMs: number, probe: Probe): boolean {
    if (this.#draining || queueMs >= this.#limits.maxQueueDelayMs / 2) return false;
    return probe.inFlightBytes >= this.#limitBytes * 0.9;
  }
}
