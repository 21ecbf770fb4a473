import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { CriError } from '../cri/cri-error.ts';
import type { GrpcChannel, GrpcMethod } from '../cri/grpc-channel.ts';
import { Empty } from '../cri/runtime-messages.ts';
import { readEvent, type ContainerdEvent } from './containerd-event.ts';
import { Envelope, PublishRequest, SubscribeRequest } from './event-messages.ts';

export interface SubscribeOptions {
  /** Ends the subscription; the loop then ends normally. */
  readonly signal: AbortSignal;
  /**
   * Which events of the namespace are wanted, in containerd's filter language, ORed. By default
   * those of tasks, containers and images, without the chatter that every exec makes.
   */
  readonly filters?: readonly string[];
}

const service = 'containerd.services.events.v1.Events';

const subscribeMethod: GrpcMethod<{ filters?: readonly string[] | undefined }, Envelope> = {
  service,
  name: 'Subscribe',
  request: SubscribeRequest,
  response: Envelope,
};

const publishMethod = { service, name: 'Publish', request: PublishRequest, response: Empty };

const defaultFilters = [
  'topic~="^/tasks/(create|start|exit|oom|delete|paused|resumed)$"',
  'topic~="^/(containers|images)/"',
];

/** A mark that overtakes the subscription is lost, so each waits a little longer than the last. */
const firstMarkDelayMs = 2;
const maxMarkDelayMs = 1000;
const publishTimeoutMs = 10_000;

/** containerd's event service, one namespace of it. */
export class ContainerdEvents {
  readonly #channel: GrpcChannel;
  readonly #namespace: string;

  constructor(channel: GrpcChannel, options: { namespace?: string } = {}) {
    this.#channel = channel;
    this.#namespace = options.namespace ?? 'k8s.io';
  }

  /**
   * The events of the namespace as they happen. The first one is always `subscribed`: nothing
   * that happens after it is missed, so list everything then. Ends normally when the signal
   * aborts; throws a CriError when the stream is lost, also when containerd ended it in an
   * orderly way. A reader that is slow holds containerd back, which then buffers for it.
   *
   * containerd does not say when a subscription has begun, so a mark of our own is published
   * until it comes back.
   */
  async *subscribe(options: SubscribeOptions): AsyncGenerator<ContainerdEvent, void, undefined> {
    const mark = `/towline/subscribed/${randomUUID()}`;
    const stop = new AbortController();
    const seen = new AbortController();
    const marking = this.#publishUntil(mark, AbortSignal.any([stop.signal, seen.signal]), stop);
    try {
      for await (const event of this.#envelopes(mark, options, stop.signal)) {
        if (event.topic === mark && !seen.signal.aborted) {
          seen.abort();
          yield { ...event, type: 'subscribed' };
        } else if (event.topic !== mark && seen.signal.aborted) {
          yield event;
        }
      }
    } finally {
      stop.abort();
      await marking;
    }
  }

  async *#envelopes(
    mark: string,
    { signal, filters = defaultFilters }: SubscribeOptions,
    stop: AbortSignal,
  ): AsyncGenerator<ContainerdEvent, void, undefined> {
    const wanted = [`topic=="${mark}"`, ...filters];
    const request = {
      filters: wanted.map((filter) => `namespace=="${this.#namespace}",${filter}`),
    };
    const call = { signal: AbortSignal.any([signal, stop]), metadata: this.#metadata() };
    try {
      for await (const envelope of this.#channel.serverStream(subscribeMethod, request, call)) {
        yield this.#read(envelope);
      }
    } catch (error) {
      if (signal.aborted) return;
      throw stop.aborted ? stop.reason : error;
    }
    throw this.#error('UNAVAILABLE', 'containerd ended the event stream');
  }

  async #publishUntil(topic: string, done: AbortSignal, failed: AbortController): Promise<void> {
    const event = { typeUrl: 'google.protobuf.Empty' };
    const call = { timeoutMs: publishTimeoutMs, signal: done, metadata: this.#metadata() };
    try {
      for (let delayMs = firstMarkDelayMs; ; delayMs = Math.min(delayMs * 2, maxMarkDelayMs)) {
        await delay(delayMs, undefined, { signal: done });
        await this.#channel.unary(publishMethod, { topic, event }, call);
      }
    } catch (error) {
      if (!done.aborted) failed.abort(error);
    }
  }

  #read(envelope: Envelope): ContainerdEvent {
    try {
      return readEvent(envelope);
    } catch (cause) {
      throw this.#error('INTERNAL', `the event ${envelope.topic} cannot be read`, cause);
    }
  }

  #metadata(): Record<string, string> {
    return { 'containerd-namespace': this.#namespace };
  }

  #error(code: 'UNAVAILABLE' | 'INTERNAL', detail: string, cause?: unknown): CriError {
    const { socketPath } = this.#channel;
    const call = { method: subscribeMethod.name, detail, socketPath, answered: false };
    return new CriError(code, call, { cause });
  }
}
