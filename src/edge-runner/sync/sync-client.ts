import { once } from 'node:events';
import { ProtocolError } from '../../protocol/errors.ts';
import { maxDeltaBytes, maxMessageBytes } from '../../protocol/limits.ts';
import { parseMessage } from '../../protocol/parse.ts';
import { protocolVersion, type RunnerStreamHead } from '../../protocol/stream-head.ts';
import {
  desiredKinds,
  syncFromProvider,
  type DesiredObject,
  type PatchedObject,
  type RemovedObject,
  type SyncFromProvider,
  type SyncFromRunner,
} from '../../protocol/sync.ts';
import { FrameReader, writeFrame } from '../../tunnel/json-frame.ts';
import type { Session } from '../../tunnel/session.ts';
import type { TunnelStream } from '../../tunnel/stream.ts';
import type { DesiredState } from './desired-state.ts';
import { ToldEnding } from './told-ending.ts';

export interface SyncClientOptions {
  state: DesiredState;
  runnerVersion: string;
  /** Called after a change of the state is on disk, with the objects it touched; must not throw. */
  onChange: (touched: readonly RemovedObject[]) => void;
  /**
   * Uids of pods that aren't desired and of which something is left on the device; `undefined` while nobody
   * knows. It is asked right after a change of the state, before `onChange`.
   */
  ending: () => readonly string[] | undefined;
  /** Called when site and cloud agree for the first time on a connection. */
  onInSync: () => void;
}

type Delta = Extract<SyncFromProvider, { type: 'delta' }>;

/** The runner's end of the sync stream: see src/protocol/sync.ts. */
export class SyncClient {
  readonly #options: SyncClientOptions;
  #takesPatches = true;
  /** Of the newest exchange, where its provider takes messages about it. */
  #told: ToldEnding | undefined;

  constructor(options: SyncClientOptions) {
    this.#options = options;
  }

  /** What `ending` says may have changed. */
  endingChanged(): void {
    this.#told?.tellChange();
  }

  /**
   * Holds one exchange until the stream or the signal ends it.
   * @throws ProtocolError or TunnelError; the caller opens a new stream then.
   */
  async run(session: Session, signal: AbortSignal): Promise<void> {
    const stream = session.open('control');
    const abort = (): void => void stream.destroy();
    signal.addEventListener('abort', abort, { once: true });
    const told = new ToldEnding({
      ending: this.#options.ending,
      tell: (pods) => {
        // A stream that breaks is followed by another, which begins with it.
        send(stream, { type: 'ending', pods }).catch(() => undefined);
      },
    });
    try {
      await this.#converse(stream, signal, told);
    } finally {
      signal.removeEventListener('abort', abort);
      if (this.#told === told) this.#told = undefined;
      stream.destroy();
      if (!stream.closed) await once(stream, 'close');
    }
  }

  async #converse(stream: TunnelStream, signal: AbortSignal, told: ToldEnding): Promise<void> {
    const { state, runnerVersion } = this.#options;
    let isTaken = false;
    const patches = this.#takesPatches;
    const kinds = [...desiredKinds];
    const head: RunnerStreamHead = { type: 'sync', protocolVersion, runnerVersion, kinds, patches };
    await writeFrame(stream, head);
    await send(stream, { type: 'state', digest: state.digest(), ...told.next() });
    const reader = new FrameReader(stream, maxMessageBytes);
    const collected = new CollectedDelta();
    for (;;) {
      const frame = await reader.read(signal);
      if (frame === undefined) return;
      const message = parseMessage(syncFromProvider, frame);
      if (message.type !== 'delta') isTaken = message.ending === true;
      if (message.type === 'in-sync') this.#confirm();
      else if (message.type === 'list') {
        await send(stream, { type: 'held', objects: state.held() });
        continue;
      } else if (!collected.add(message)) continue;
      else await this.#commit(stream, collected, told);
      if (!isTaken) continue;
      this.#told = told;
      told.tellChange();
    }
  }

  #confirm(): void {
    const { state, onChange, onInSync } = this.#options;
    const wasComplete = state.isComplete;
    state.confirm();
    if (!wasComplete) onChange([]);
    onInSync();
  }

  async #commit(stream: TunnelStream, delta: CollectedDelta, told: ToldEnding): Promise<void> {
    const { put, patch, remove, digest, partial } = delta;
    // If it fails, the next exchange brings everything whole.
    this.#takesPatches = false;
    this.#options.state.apply({ put, patch, remove, digest, partial });
    this.#takesPatches = true;
    delta.clear();
    const acknowledged = send(stream, { type: 'ack', digest, ...told.next() });
    // It is on disk: it holds even when the link breaks before the acknowledgement is out.
    this.#options.onChange([...put, ...patch, ...remove]);
    await acknowledged;
    this.#options.onInSync();
  }
}

/** The messages of one delta, which is committed as a whole. */
class CollectedDelta {
  put: DesiredObject[] = [];
  patch: PatchedObject[] = [];
  remove: RemovedObject[] = [];
  digest = '';
  partial = false;
  #bytes = 0;

  /** Returns true when the delta is complete. @throws ProtocolError `DELTA_TOO_LARGE` */
  add(message: Delta): boolean {
    if (message.more || this.#bytes > 0) this.#bytes += JSON.stringify(message).length;
    if (this.#bytes > maxDeltaBytes) {
      throw new ProtocolError('DELTA_TOO_LARGE', `a delta grew over ${maxDeltaBytes} bytes`);
    }
    this.put.push(...message.put);
    this.patch.push(...(message.patch ?? []));
    this.remove.push(...message.remove);
    this.digest = message.digest;
    this.partial = message.partial ?? false;
    return !message.more;
  }

  clear(): void {
    this.put = [];
    this.patch = [];
    this.remove = [];
    this.#bytes = 0;
  }
}

function send(stream: TunnelStream, message: SyncFromRunner): Promise<void> {
  return writeFrame(stream, message);
}
