import type { Pod, ServiceAccountTokenProjection } from '../../kube/api.ts';
import { maxMessageBytes } from '../../protocol/limits.ts';
import { parseMessage } from '../../protocol/parse.ts';
import {
  reportFromProvider,
  type NodeReport,
  type ReportFromProvider,
  type ReportFromRunner,
} from '../../protocol/report.ts';
import type { RunnerStreamHead } from '../../protocol/stream-head.ts';
import { FrameReader, writeFrame } from '../../tunnel/json-frame.ts';
import type { Session } from '../../tunnel/session.ts';
import type { TunnelStream } from '../../tunnel/stream.ts';
import { RunnerError } from '../errors.ts';
import { maxReportsInFlight } from '../limits.ts';
import type { IssuedToken } from '../pod/service-account-tokens.ts';
import type { Outbox, ReportBatch } from './outbox.ts';

interface ReportClientOptions {
  outbox: Outbox;
  /** The newest facts about the device. */
  nodeReport: () => NodeReport;
}

interface PendingToken {
  resolve: (token: IssuedToken) => void;
  reject: (error: RunnerError) => void;
}

/** The runner's end of the report stream, while there is one: see src/protocol/report.ts. */
export class ReportClient {
  readonly #options: ReportClientOptions;
  #stream: TunnelStream | undefined;
  #nextId = 1;
  readonly #batches = new Map<number, ReportBatch>();
  readonly #tokens = new Map<number, PendingToken>();

  constructor(options: ReportClientOptions) {
    this.#options = options;
  }

  /**
   * Holds one exchange until the stream or the signal ends it.
   * @throws ProtocolError or TunnelError; the caller opens a new stream then.
   */
  async run(session: Session, signal: AbortSignal): Promise<void> {
    const stream = session.open('control');
    const abort = (): void => void stream.destroy();
    signal.addEventListener('abort', abort, { once: true });
    try {
      await this.#converse(stream, signal);
    } finally {
      signal.removeEventListener('abort', abort);
      stream.destroy();
      this.#disconnect();
    }
  }

  /** Tells the provider of changed facts about the device; without a link the next one brings them. */
  nodeChanged(): void {
    this.#send({ type: 'node', id: this.#nextId++, node: this.#options.nodeReport() });
  }

  /** @throws RunnerError `CLOUD_UNREACHABLE` without a link, `CLOUD_REFUSED` when the cloud says no. */
  requestToken(pod: Pod, projection: ServiceAccountTokenProjection): Promise<IssuedToken> {
    const { name, namespace = '', uid = '' } = pod.metadata;
    if (this.#stream === undefined) {
      throw new RunnerError(
        'CLOUD_UNREACHABLE',
        `no token for service account ${pod.spec.serviceAccountName ?? 'default'}: the site is not connected`,
      );
    }
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#tokens.set(id, { resolve, reject });
      this.#send({
        ...{ type: 'token-request', id, pod: { name, namespace, uid } },
        serviceAccount: pod.spec.serviceAccountName ?? 'default',
        audiences: projection.audience === undefined ? [] : [projection.audience],
        expirationSeconds: projection.expirationSeconds ?? 3600,
      });
    });
  }

  async #converse(stream: TunnelStream, signal: AbortSignal): Promise<void> {
    const head: RunnerStreamHead = { type: 'report' };
    await writeFrame(stream, head);
    const reader = new FrameReader(stream, maxMessageBytes);
    for (;;) {
      const frame = await reader.read(signal);
      if (frame === undefined) return;
      this.#take(parseMessage(reportFromProvider, frame), stream);
    }
  }

  #take(message: ReportFromProvider, stream: TunnelStream): void {
    switch (message.type) {
      case 'begin':
        this.#begin(message.full, stream);
        break;
      case 'ack':
        this.#acknowledge(message.id);
        break;
      case 'token':
        this.#tokens.get(message.id)?.resolve(message);
        this.#tokens.delete(message.id);
        break;
      case 'refused':
        this.#tokens.get(message.id)?.reject(new RunnerError('CLOUD_REFUSED', message.message));
        this.#tokens.delete(message.id);
        break;
    }
  }

  #begin(full: boolean, stream: TunnelStream): void {
    this.#stream = stream;
    if (full) this.#options.outbox.resendAll();
    this.nodeChanged();
    this.#options.outbox.onReady(() => {
      this.#sendBatches();
    });
    this.#sendBatches();
  }

  #acknowledge(id: number): void {
    const batch = this.#batches.get(id);
    if (batch === undefined) return;
    this.#batches.delete(id);
    this.#options.outbox.acknowledge(batch);
    this.#sendBatches();
  }

  #sendBatches(): void {
    if (this.#stream === undefined || this.#batches.size >= maxReportsInFlight) return;
    const { pods, events } = this.#options.outbox.take();
    for (const part of chunks(pods, podsPerMessage)) {
      this.#sendBatch({ pods: part, events: [] }, (id) => ({ type: 'pods', id, pods: part }));
    }
    for (const part of chunks(events, eventsPerMessage)) {
      this.#sendBatch({ pods: [], events: part }, (id) => ({ type: 'events', id, events: part }));
    }
  }

  #sendBatch(batch: ReportBatch, message: (id: number) => ReportFromRunner): void {
    const id = this.#nextId++;
    this.#batches.set(id, batch);
    this.#send(message(id));
  }

  /** A failed write ends the stream, which its reader notices. */
  #send(message: ReportFromRunner): void {
    if (this.#stream !== undefined) writeFrame(this.#stream, message).catch(() => undefined);
  }

  #disconnect(): void {
    this.#stream = undefined;
    this.#options.outbox.onReady(() => undefined);
    for (const batch of this.#batches.values()) this.#options.outbox.resend(batch);
    this.#batches.clear();
    const error = new RunnerError('CLOUD_UNREACHABLE', 'the link broke before the token came');
    for (const { reject } of this.#tokens.values()) reject(error);
    this.#tokens.clear();
  }
}

const podsPerMessage = 50;
const eventsPerMessage = 100;

function* chunks<T>(items: readonly T[], size: number): Generator<T[]> {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size);
}
