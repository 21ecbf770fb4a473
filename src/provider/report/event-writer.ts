import type { Logger } from 'pino';
import { isKubeApiError } from '../kube-client/kube-api-error.ts';
import type { KubeClient } from '../kube-client/kube-client.ts';
import { resources } from '../kube-client/resource-type.ts';
import { eventWrites } from '../limits.ts';
import type { EventObject } from './event-object.ts';
import { WriteRate } from './write-rate.ts';

/** Writes Events whose names are given, so that the same one twice is one. */
export class EventWriter {
  readonly #client: Pick<KubeClient, 'create' | 'patch'>;
  readonly #log: Logger;
  readonly #rate = new WriteRate(eventWrites);

  constructor(options: { client: Pick<KubeClient, 'create' | 'patch'>; log: Logger }) {
    this.#client = options.client;
    this.#log = options.log;
  }

  /**
   * Creates the Event, or brings the existing one's count and time up to date. One that the API
   * server won't have (its namespace is going, it is malformed) is dropped with a line in the log.
   * Waits its turn when all sites together have many.
   * @throws KubeApiError when it may work later.
   */
  async write(event: EventObject, signal?: AbortSignal): Promise<void> {
    await this.#rate.turn(signal);
    try {
      if (event.count > 1 && (await this.#update(event, signal))) return;
      await this.#create(event, signal);
    } catch (error) {
      if (!isKubeApiError(error, 'FORBIDDEN', 'NOT_FOUND', 'INVALID')) throw error;
      this.#log.warn({ err: error, event: event.metadata }, 'event not taken by the API server');
    }
  }

  async #create(event: EventObject, signal: AbortSignal | undefined): Promise<void> {
    try {
      await this.#client.create(resources.events, event, { signal });
    } catch (error) {
      if (!isKubeApiError(error, 'ALREADY_EXISTS')) throw error;
      await this.#update(event, signal);
    }
  }

  /** @returns false when there is no such Event, for Events are forgotten after an hour. */
  async #update(event: EventObject, signal: AbortSignal | undefined): Promise<boolean> {
    const { namespace, name } = event.metadata;
    const { count, lastTimestamp, message } = event;
    try {
      await this.#client.patch(
        resources.events,
        { namespace, name },
        { count, lastTimestamp, message },
        { patchType: 'merge', signal },
      );
      return true;
    } catch (error) {
      if (isKubeApiError(error, 'NOT_FOUND')) return false;
      throw error;
    }
  }
}
