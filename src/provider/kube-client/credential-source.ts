import type { RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { KubeApiError } from './kube-api-error.ts';
import { credentialsMaxAgeMs } from './limits.ts';

/** TLS options that depend on the configuration and may change while a program runs. */
export interface TlsMaterial {
  ca?: Buffer;
  cert?: Buffer;
  key?: Buffer;
  rejectUnauthorized?: boolean;
  servername?: string;
}

export interface Credentials {
  tls: TlsMaterial;
  headers: Record<string, string>;
}

/**
 * What a request needs to be let in, asked from the configuration at most every 10 s: files are
 * read again, and exec plugins run again when what they gave has expired.
 */
export class CredentialSource {
  readonly #config: KubeConfig;
  readonly #now: () => number;
  #current: { at: number; credentials: Promise<Credentials> } | undefined;

  constructor(config: KubeConfig, now: () => number = () => performance.now()) {
    this.#config = config;
    this.#now = now;
  }

  /** @throws KubeApiError `CONFIG_INVALID` when a file cannot be read or a plugin fails. */
  current(): Promise<Credentials> {
    const known = this.#current;
    if (known !== undefined && this.#now() - known.at < credentialsMaxAgeMs) {
      return known.credentials;
    }
    const credentials = readCredentials(this.#config);
    const entry = { at: this.#now(), credentials };
    this.#current = entry;
    credentials.catch(() => {
      if (this.#current === entry) this.#current = undefined;
    });
    return credentials;
  }

  /** The server refused what was given last: ask again next time. */
  forget(): void {
    this.#current = undefined;
  }
}

async function readCredentials(config: KubeConfig): Promise<Credentials> {
  const options: RequestOptions = {};
  try {
    await config.applyToHTTPSOptions(options);
  } catch (cause) {
    const user = config.getCurrentUser()?.name ?? '';
    const why = cause instanceof Error ? cause.message.trim() : String(cause);
    throw new KubeApiError(
      'CONFIG_INVALID',
      `cannot get the credentials of user "${user}" of the kubeconfig: ${why}`,
      { cause },
    );
  }
  return { tls: tlsMaterial(options), headers: headersOf(options) };
}

function tlsMaterial(options: RequestOptions): TlsMaterial {
  const tls: TlsMaterial = {};
  const ca = bytesOf(options.ca);
  const cert = bytesOf(options.cert);
  const key = bytesOf(options.key);
  if (ca !== undefined) tls.ca = ca;
  if (cert !== undefined) tls.cert = cert;
  if (key !== undefined) tls.key = key;
  if (options.rejectUnauthorized !== undefined) tls.rejectUnauthorized = options.rejectUnauthorized;
  if (options.servername !== undefined) tls.servername = options.servername;
  return tls;
}

/** client-node gives one Buffer or string for each of these, never a list. */
function bytesOf(value: RequestOptions['ca'] | RequestOptions['key']): Buffer | undefined {
  if (typeof value === 'string') return Buffer.from(value);
  return Buffer.isBuffer(value) ? value : undefined;
}

function headersOf(options: RequestOptions): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    // A token file usually ends with a newline, which no header may contain.
    if (value !== undefined) headers[name.toLowerCase()] = String(value).trim();
  }
  if (options.auth) {
    headers['authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`;
  }
  return headers;
}
