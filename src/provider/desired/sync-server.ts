import type { Logger } from 'pino';
import { ProtocolError } from '../../protocol/errors.ts';
import { maxDeltaBytes, maxMessageBytes } from '../../protocol/limits.ts';
import { parseMessage } from '../../protocol/parse.ts';
import {
  type DesiredObject,
  type SyncFromProvider,
  type SyncFromRunner,
  syncFromRunner,
} from '../../protocol/sync.ts';
import { TokenBucket } from '../../tunnel/token-bucket.ts';
import { endingBurst, endingsPerSecond } from '../limits.ts';
import type { MessageStream } from '../site/message-stream.ts';
import type { PastVersions } from './past-versions.ts';
import {
  type DeltaLimits,
  type DeltaPlan,
  heldAll,
  type HeldObjects,
  objectKey,
  planDelta,
  wantedDigest,
  type WantedObjects,
} from './plan-delta.ts';

/** What a site is to hold, as the sync server needs it. */
export interface Wanted {
  /** Before it resolves, `wanted` may still lack something. */
  readonly ready: Promise<void>;
  wanted(): WantedObjects;
}

export interface SyncServerOptions {
  stream: MessageStream<SyncFromProvider>;
  wanted: Wanted;
  /** Told, once per version, of an object that is too large to be sent. */
  onOversized: (object: DesiredObject) => void;
  /**
   * Told what the site has acknowledged to hold, and the uids of pods that it doesn't and that still end there,
   * where it says so.
   */
  onHeld?: ((held: HeldObjects, ending: readonly string[] | undefined) => void) | undefined;
  log: Logger;
  limits?: DeltaLimits;
  /** Where changes come from, for a runner that takes them. */
  past?: PastVersions | undefined;
}

/**
 * One sync stream: brings the site to what it is to hold, and keeps it there. While a delta is on
 * its way, changes gather and go out together once it is acknowledged; otherwise a change is sent
 * at once.
 */
export class SyncServer {
  readonly #options: SyncServerOptions;
  readonly #limits: DeltaLimits;
  readonly #oversized = new Set<string>();
  readonly #endings = new TokenBucket(endingBurst, endingsPerSecond, performance);
  #change = Promise.withResolvers<'changed'>();

  constructor(options: SyncServerOptions) {
    this.#options = options;
    this.#limits = options.limits ?? { maxMessageBytes, maxDeltaBytes };
  }

  /** Says that what the site is to hold may have changed. */
  changed(): void {
    this.#change.resolve('changed');
  }

  /**
   * Serves until the site ends the stream.
   * @throws ProtocolError, or the stream's error.
   */
  async run(): Promise<void> {
    const state = await this.#read();
    if (state === undefined) return;
    if (state.type !== 'state') throw unexpected(state);
    await this.#options.wanted.ready;
    const wanted = this.#options.wanted.wanted();
    if (state.digest === wantedDigest(wanted)) {
      await this.#options.stream.send({ type: 'in-sync', ending: true });
      const held = heldAll(wanted);
      this.#options.onHeld?.(held, state.ending);
      await this.#follow(held);
      return;
    }
    await this.#options.stream.send({ type: 'list', ending: true });
    const list = await this.#read();
    if (list === undefined) return;
    if (list.type !== 'held') throw unexpected(list);
    await this.#follow(
      new Map(list.objects.map((object) => [objectKey(object), object])),
      'always',
    );
  }

  /** `always`: the first delta is sent also when it is empty, for the site waits for it. */
  async #follow(initial: HeldObjects, first?: 'always'): Promise<void> {
    let held = initial;
    let mustSend = first === 'always';
    let next = this.#reading(held);
    for (;;) {
      this.#change = Promise.withResolvers();
      const plan = this.#plan(held);
      if (plan.empty && !mustSend) {
        const event = await Promise.race([next, this.#change.promise]);
        if (event === undefined) return;
        if (event === 'changed') continue;
        throw unexpected(event);
      }
      for (const message of plan.messages) await this.#options.stream.send(message);
      const answer = await next;
      if (answer === undefined) return;
      if (answer.type !== 'ack') throw unexpected(answer);
      if (answer.digest !== plan.digest) {
        throw new ProtocolError('INVALID_MESSAGE', 'the site holds something else than was sent');
      }
      held = plan.after;
      this.#options.onHeld?.(held, answer.ending);
      mustSend = false;
      next = this.#reading(held);
    }
  }

  #plan(held: HeldObjects): DeltaPlan {
    const { past, wanted } = this.#options;
    const objects = wanted.wanted();
    const plan = planDelta(held, objects, this.#limits, (held, object) =>
      past?.patch(held, object),
    );
    if (past !== undefined) for (const object of objects.objects.values()) past.remember(object);
    for (const object of plan.oversized) {
      const key = `${objectKey(object)}/${object.version}`;
      if (!this.#oversized.has(key)) this.#options.onOversized(object);
      this.#oversized.add(key);
    }
    if (!plan.empty) {
      const put = plan.messages.reduce((sum, message) => sum + message.put.length, 0);
      const patch = plan.messages.reduce((sum, { patch = [] }) => sum + patch.length, 0);
      const remove = plan.messages.reduce((sum, message) => sum + message.remove.length, 0);
      this.#options.log.debug({ put, patch, remove, digest: plan.digest }, 'delta');
    }
    return plan;
  }

  /** A read that is always under way notices the end of the stream while nothing changes. */
  #reading(held: HeldObjects): Promise<SyncFromRunner | undefined> {
    const reading = this.#readBesidesEnding(held);
    // Whoever awaits it sees the error; a failing write may come first.
    reading.catch(() => undefined);
    return reading;
  }

  /** What the site says of pods that still end needs no answer, and changes nothing of what it is to hold. */
  async #readBesidesEnding(held: HeldObjects): Promise<SyncFromRunner | undefined> {
    for (;;) {
      const message = await this.#read();
      if (message?.type !== 'ending') return message;
      if (!this.#endings.take()) {
        throw new ProtocolError('INVALID_MESSAGE', 'messages "ending" come too often');
      }
      this.#options.onHeld?.(held, message.pods);
    }
  }

  async #read(): Promise<SyncFromRunner | undefined> {
    const message = await this.#options.stream.read();
    return message === undefined ? undefined : parseMessage(syncFromRunner, message);
  }
}

function unexpected(message: SyncFromRunner): ProtocolError {
  return new ProtocolError('INVALID_MESSAGE', `message "${message.type}" came out of turn`);
}
