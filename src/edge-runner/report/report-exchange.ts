import { objectVersion, staticPodsDigest } from '../../protocol/digest.ts';
import { maxMessageBytes } from '../../protocol/limits.ts';
import { parseMessage } from '../../protocol/parse.ts';
import {
  reportFromProvider,
  type NodeReport,
  type ReportFromProvider,
  type ReportFromRunner,
  type StaticPodReport,
  type TokenRequest,
} from '../../protocol/report.ts';
import type { RunnerStreamHead } from '../../protocol/stream-head.ts';
import { FrameReader, writeFrame } from '../../tunnel/json-frame.ts';
import type { TunnelStream } from '../../tunnel/stream.ts';
import { RunnerError } from '../errors.ts';
import type { IssuedToken } from '../pod/service-account-tokens.ts';
import { eventsPerMessage, maxReportsInFlight, podsPerMessage, tokenTimeoutMs } from './limits.ts';
import type { Outbox, ReportBatch } from './outbox.ts';

/** What a token is asked for by. */
export type TokenWish = Omit<TokenRequest, 'type' | 'id'>;

interface ExchangeOptions {
  stream: TunnelStream;
  outbox: Outbox;
  /** The newest facts about the device. */
  nodeReport: () => NodeReport;
  /** All static pods of the device. */
  staticPods: () => StaticPodReport[];
  /** The provider is ready for reports and requests. */
  onBegin: () => void;
}

interface PendingToken {
  resolve: (token: IssuedToken) => void;
  reject: (error: RunnerError) => void;
}

/** What a message may hold besides its type and number. */
const maxBatchBytes = maxMessageBytes - 1024;

/** One report stream from its first message to its end: see src/protocol/report.ts. */
export class ReportExchange {
  readonly #options: ExchangeOptions;
  readonly #batches = new Map<number, ReportBatch>();
  readonly #tokens = new Map<number, PendingToken>();
  #nextId = 1;
  #begun = false;
  /** Digest of the static pods that the provider has; `undefined` where it takes none. */
  #toldStaticPods: string | undefined;

  constructor(options: ExchangeOptions) {
    this.#options = options;
  }

  /** Resolves when the provider ends the stream. @throws ProtocolError or TunnelError */
  async run(signal: AbortSignal): Promise<void> {
    const { stream } = this.#options;
    const head: RunnerStreamHead = { type: 'report' };
    try {
      await writeFrame(stream, head);
      const reader = new FrameReader(stream, maxMessageBytes);
      for (;;) {
        const frame = await reader.read(signal);
        if (frame === undefined) return;
        this.#take(parseMessage(reportFromProvider, frame));
      }
    } finally {
      this.#end();
    }
  }

  sendNode(): void {
    if (!this.#begun) return;
    this.#send({ type: 'node', id: this.#nextId++, node: this.#options.nodeReport() });
  }

  /** Tells of all static pods, if the provider takes them and has others. */
  sendStaticPods(): void {
    if (!this.#begun || this.#toldStaticPods === undefined) return;
    const pods = this.#options.staticPods();
    const digest = staticPodsDigest(pods);
    if (digest === this.#toldStaticPods) return;
    this.#toldStaticPods = digest;
    this.#send({ type: 'static-pods', id: this.#nextId++, pods });
  }

  /** @throws RunnerError `CLOUD_UNREACHABLE`, `CLOUD_REFUSED` */
  requestToken(wish: TokenWish): Promise<IssuedToken> {
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<IssuedToken>();
    const timer = setTimeout(() => {
      const seconds = tokenTimeoutMs / 1000;
      reject(unreachable(`the provider sent no token for ${seconds} s`));
    }, tokenTimeoutMs);
    this.#tokens.set(id, { resolve, reject });
    this.#send({ type: 'token-request', id, ...wish });
    return promise.finally(() => {
      clearTimeout(timer);
      this.#tokens.delete(id);
    });
  }

  /** Sends what the outbox has, as far as the provider keeps up. */
  sendReports(): void {
    const { outbox } = this.#options;
    while (this.#begun && this.#batches.size < maxReportsInFlight) {
      const { pods, events } = outbox.take(
        ...([podsPerMessage, eventsPerMessage, maxBatchBytes, 'ready'] as const),
      );
      if (pods.length > 0) {
        this.#sendBatch({ pods, events: [] }, (id) => ({ type: 'pods', id, pods }));
      }
      if (events.length > 0) {
        this.#sendBatch({ pods: [], events }, (id) => ({ type: 'events', id, events }));
      }
      if (pods.length + events.length === 0) return;
    }
  }

  #take(message: ReportFromProvider): void {
    switch (message.type) {
      case 'begin':
        this.#toldStaticPods = message.staticPods;
        this.#begin(message);
        break;
      case 'ack':
        this.#acknowledge(message.id);
        break;
      case 'token':
        this.#tokens.get(message.id)?.resolve(message);
        break;
      case 'refused':
        this.#tokens.get(message.id)?.reject(new RunnerError('CLOUD_REFUSED', message.message));
        break;
    }
  }

  #begin({ full, node }: Extract<ReportFromProvider, { type: 'begin' }>): void {
    this.#begun = true;
    if (full) this.#options.outbox.resendAll();
    if (node !== objectVersion(this.#options.nodeReport())) this.sendNode();
    this.sendStaticPods();
    this.sendReports();
    this.#options.onBegin();
  }

  #acknowledge(id: number): void {
    const batch = this.#batches.get(id);
    if (batch === undefined) return;
    this.#batches.delete(id);
    this.#options.outbox.acknowledge(batch);
    this.sendReports();
  }

  #sendBatch(batch: ReportBatch, message: (id: number) => ReportFromRunner): void {
    const id = this.#nextId++;
    this.#batches.set(id, batch);
    this.#send(message(id));
  }

  /** A failed write ends the stream, which its reader notices. */
  #send(message: ReportFromRunner): void {
    writeFrame(this.#options.stream, message).catch(() => undefined);
  }

  #end(): void {
    this.#begun = false;
    for (const batch of this.#batches.values()) this.#options.outbox.resend(batch);
    this.#batches.clear();
    const error = unreachable('the link broke before the token came');
    for (const { reject } of this.#tokens.values()) reject(error);
  }
}

function unreachable(message: string): RunnerError {
  return new RunnerError('CLOUD_UNREACHABLE', message);
}
