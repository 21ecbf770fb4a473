import type { Logger } from 'pino';
import { objectVersion } from '../../protocol/digest.ts';
import { ProtocolError } from '../../protocol/errors.ts';
import { parseMessage } from '../../protocol/parse.ts';
import {
  type EventReport,
  type NodeReport,
  type PodReport,
  type ReportFromProvider,
  reportFromRunner,
  type ReportFromRunner,
  type StaticPodReport,
  type TokenRequest,
} from '../../protocol/report.ts';
import { maxReportsInFlight } from '../limits.ts';
import type { MessageStream } from '../site/message-stream.ts';

/** What becomes of a site's reports; each promise resolves when the cluster has it. */
export interface ReportSink {
  /** The site's last report about its device, when this process knows its last reports. */
  known(): NodeReport | undefined;
  node(report: NodeReport): Promise<void>;
  /** Digest of the static pods that the site told last; `undefined` when none were told. */
  staticPodsDigest(): string | undefined;
  /** Resolves when the site's newest list counts; the cluster gets it later. */
  staticPods(pods: StaticPodReport[]): Promise<void>;
  /** Waits until the site has a claim on the pods of its node; false when the signal aborts first. */
  admitted(signal: AbortSignal): Promise<boolean>;
  pod(report: PodReport): Promise<void>;
  event(report: EventReport): Promise<void>;
  token(wish: TokenRequest): Promise<TokenAnswer>;
}

export type TokenAnswer =
  | { ok: true; token: string; expirationTimestamp: string }
  | { ok: false; message: string; retryable: boolean };

/**
 * One report stream. A message is acknowledged once the cluster has what it says; several are
 * worked on at once, and no more are read while too many are.
 */
export class ReportServer {
  readonly #stream: MessageStream<ReportFromProvider>;
  readonly #sink: ReportSink;
  readonly #log: Logger;
  readonly #inFlight = new Set<Promise<void>>();
  readonly #end = new AbortController();
  readonly #failure = Promise.withResolvers<never>();
  /** Events are written one after the other, so that they are told in the order they happened. */
  #events: Promise<void> = Promise.resolve();

  constructor(options: {
    stream: MessageStream<ReportFromProvider>;
    sink: ReportSink;
    log: Logger;
  }) {
    this.#stream = options.stream;
    this.#sink = options.sink;
    this.#log = options.log;
  }

  /**
   * Serves until the site ends the stream. Where the cluster couldn't take a message, the stream is
   * given up: the site sends again, on a new one, what was not acknowledged.
   * @throws ProtocolError, KubeApiError, or the stream's error.
   */
  async run(): Promise<void> {
    // Seen by the race below, or by nobody once the stream has ended.
    this.#failure.promise.catch(() => undefined);
    try {
      const staticPods = this.#sink.staticPodsDigest() ?? 'unknown';
      await this.#stream.send(beginning(this.#sink.known(), staticPods));
      await this.#serve();
    } finally {
      this.#end.abort();
    }
  }

  async #serve(): Promise<void> {
    for (;;) {
      const frame = await Promise.race([this.#stream.read(), this.#failure.promise]);
      if (frame === undefined) return;
      const message = parseMessage(reportFromRunner, frame);
      this.#start(message);
      while (this.#inFlight.size >= maxReportsInFlight) {
        await Promise.race([...this.#inFlight, this.#failure.promise]);
      }
    }
  }

  #start(message: ReportFromRunner): void {
    const work = this.#handle(message)
      .then((answer) => this.#stream.send(answer))
      .catch((error: unknown) => {
        this.#log.info({ err: error, type: message.type }, 'report not answered');
        this.#failure.reject(error);
      })
      .finally(() => {
        this.#inFlight.delete(work);
      });
    this.#inFlight.add(work);
  }

  async #handle(message: ReportFromRunner): Promise<ReportFromProvider> {
    const { id } = message;
    if (message.type === 'node') {
      await this.#sink.node(message.node);
      return { type: 'ack', id };
    }
    // What waited longer than its stream comes again, or is stale.
    if (!(await this.#sink.admitted(this.#end.signal)) || this.#end.signal.aborted) {
      throw new ProtocolError('STREAM_ENDED', 'the stream ended');
    }
    if (message.type === 'token-request') return this.#token(message);
    if (message.type === 'static-pods') await this.#sink.staticPods(message.pods);
    else if (message.type === 'pods') {
      await Promise.all(message.pods.map((pod) => this.#sink.pod(pod)));
    } else {
      await this.#inOrder(message.events);
    }
    return { type: 'ack', id };
  }

  async #token(wish: TokenRequest): Promise<ReportFromProvider> {
    const answer = await this.#sink.token(wish);
    if (!answer.ok) {
      const { message, retryable } = answer;
      return { type: 'refused', id: wish.id, message, retryable };
    }
    const { token, expirationTimestamp } = answer;
    return { type: 'token', id: wish.id, token, expirationTimestamp };
  }

  #inOrder(events: EventReport[]): Promise<void> {
    const written = this.#events.then(async () => {
      for (const event of events) await this.#sink.event(event);
    });
    // A batch that fails is sent again by the site; those behind it go on.
    this.#events = written.catch(() => undefined);
    return written;
  }
}

function beginning(known: NodeReport | undefined, staticPods: string): ReportFromProvider {
  if (known === undefined) return { type: 'begin', full: true, staticPods };
  return { type: 'begin', full: false, node: objectVersion(known), staticPods };
}
