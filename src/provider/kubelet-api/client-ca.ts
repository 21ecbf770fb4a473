import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { ConfigMap } from '../../kube/api.ts';
import { Informer } from '../kube-client/informer.ts';
import type { KubeClient } from '../kube-client/kube-client.ts';
import { resources } from '../kube-client/resource-type.ts';
import { clientCaFileIntervalMs } from './limits.ts';

/** A client CA that may change while it is used. */
export interface ClientCa {
  /** PEM bundles; empty as long as none is known. */
  current(): readonly string[];
  /** Follows the changes until the signal aborts; never rejects. */
  run(signal: AbortSignal): Promise<void>;
}

/**
 * The client CA that the API server publishes: key `client-ca-file` of ConfigMap
 * `kube-system/extension-apiserver-authentication`.
 */
export class PublishedClientCa implements ClientCa {
  readonly #informer: Informer<ConfigMap>;
  /** Resolves when the ConfigMap was looked for once. */
  readonly synced: Promise<void>;

  constructor(options: { kube: KubeClient; log: Logger }) {
    this.#informer = new Informer({
      client: options.kube,
      type: resources.configMaps,
      namespace: 'kube-system',
      // The role that every cluster has for this ConfigMap names it; a wider watch is not allowed.
      fieldSelector: 'metadata.name=extension-apiserver-authentication',
      log: options.log,
    });
    this.synced = this.#informer.synced;
  }

  current(): readonly string[] {
    const configMap = this.#informer.get('kube-system', 'extension-apiserver-authentication');
    const bundle = configMap?.data?.['client-ca-file'];
    return bundle === undefined ? [] : [bundle];
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#informer.run(signal);
  }
}

/** The client CA in a file that something else rotates; it is read again every minute. */
export class ClientCaFile implements ClientCa {
  readonly #file: string;
  readonly #log: Logger;
  #bundle: string | undefined;

  private constructor(file: string, log: Logger, bundle: string) {
    this.#file = file;
    this.#log = log;
    this.#bundle = bundle;
  }

  /** Reads the file once; rejects when that fails. */
  static async load(options: { file: string; log: Logger }): Promise<ClientCaFile> {
    return new ClientCaFile(options.file, options.log, await readFile(options.file, 'utf8'));
  }

  current(): readonly string[] {
    return this.#bundle === undefined ? [] : [this.#bundle];
  }

  async run(signal: AbortSignal): Promise<void> {
    while (await isTimeToRead(signal)) await this.#read();
  }

  async #read(): Promise<void> {
    try {
      this.#bundle = await readFile(this.#file, 'utf8');
    } catch (error) {
      this.#log.error(
        { err: error, file: this.#file },
        'client CA cannot be read; the last one counts',
      );
    }
  }
}

async function isTimeToRead(signal: AbortSignal): Promise<boolean> {
  await delay(clientCaFileIntervalMs, undefined, { signal }).catch(() => undefined);
  return !signal.aborted;
}
