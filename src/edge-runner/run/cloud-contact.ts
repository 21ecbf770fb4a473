import { readFileSync, writeFileSync } from 'node:fs';
import type { Logger } from 'pino';
import type { LinkState } from '../../tunnel/connect.ts';
import type { CloudAnswer } from '../control/messages.ts';

interface CloudContactOptions {
  /** Keeps the last contact over restarts. It is written when a connection begins or ends. */
  file: string;
  nowMs: () => number;
  log: Pick<Logger, 'warn'>;
}

/** Remembers when the cloud was last in reach, also from before the runner started. */
export class CloudContact {
  readonly #options: CloudContactOptions;
  #link: LinkState = { kind: 'connecting' };
  #error: string | undefined;
  #connectedAtMs: number | undefined;
  #lastSeenMs: number | undefined;

  constructor(options: CloudContactOptions) {
    this.#options = options;
    this.#lastSeenMs = readMoment(options.file);
  }

  get view(): CloudAnswer {
    const connectedAtMs = this.#connectedAtMs;
    const isConnected = connectedAtMs !== undefined;
    const lastSeenMs = isConnected ? this.#options.nowMs() : this.#lastSeenMs;
    return {
      connected: isConnected,
      ...(this.#link.kind === 'connected' ? { address: this.#link.address } : {}),
      ...(isConnected ? { since: timeText(connectedAtMs) } : {}),
      ...(lastSeenMs === undefined ? {} : { lastSeen: timeText(lastSeenMs) }),
      ...(this.#error === undefined ? {} : { error: this.#error }),
    };
  }

  tell(state: LinkState): void {
    this.#link = state;
    if (state.kind === 'connected') {
      this.#connectedAtMs = this.#options.nowMs();
      this.#error = undefined;
      this.#seen();
    } else if (this.#connectedAtMs !== undefined) {
      this.close();
    }
    if (state.kind === 'disconnected') this.#error = state.error.message;
  }

  /** The runner ends: a connection that is up was good until now. */
  close(): void {
    if (this.#connectedAtMs === undefined) return;
    this.#connectedAtMs = undefined;
    this.#seen();
  }

  #seen(): void {
    this.#lastSeenMs = this.#options.nowMs();
    try {
      writeFileSync(this.#options.file, `${timeText(this.#lastSeenMs)}\n`, { mode: 0o600 });
    } catch (error) {
      this.#options.log.warn({ err: error }, 'when the cloud was last seen can not be written');
    }
  }
}

/** Undefined for a file that is missing or says no time. */
function readMoment(file: string): number | undefined {
  try {
    const ms = Date.parse(readFileSync(file, 'utf8').trim());
    return Number.isNaN(ms) ? undefined : ms;
  } catch {
    return undefined;
  }
}

function timeText(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}
