import { lookup } from 'node:dns/promises';
import { connect, isIP, type Socket } from 'node:net';
import { dialError } from './dial-error.ts';
import { TunnelError } from './errors.ts';
import { headStartMs } from './limits.ts';

export interface TcpTarget {
  /** An IP address. */
  readonly ip: string;
  readonly port: number;
}

export interface Connected {
  readonly socket: Socket;
  readonly target: TcpTarget;
}

/** All addresses of a host, IPv6 and IPv4 in turn. Rejects with TunnelError DNS_FAILED. */
export async function resolveTargets(
  host: string,
  port: number,
  resolve: (host: string) => Promise<readonly string[]> = resolveBySystem,
): Promise<TcpTarget[]> {
  if (isIP(host) !== 0) return [{ ip: host, port }];
  try {
    return (await resolve(host)).map((ip) => ({ ip, port }));
  } catch (cause) {
    throw dialError(cause, host, host);
  }
}

async function resolveBySystem(host: string): Promise<string[]> {
  const found = await lookup(host, { all: true, order: 'verbatim' });
  const six = found.filter(({ family }) => family === 6);
  const four = found.filter(({ family }) => family === 4);
  return interleave(six, four).map(({ address }) => address);
}

/**
 * Connects to the first of `targets` that answers; each gets a short head start over the next.
 * Rejects with the last error when none does, or ABORTED by the signal.
 */
export function connectFirst(
  targets: readonly TcpTarget[],
  signal: AbortSignal,
): Promise<Connected> {
  return new Promise((resolve, reject) => {
    const race = new TcpRace(targets, signal, resolve, reject);
    race.startNext();
  });
}

class TcpRace {
  readonly #targets: TcpTarget[];
  readonly #signal: AbortSignal;
  readonly #resolve: (winner: Connected) => void;
  readonly #reject: (error: TunnelError) => void;
  readonly #running = new Set<Socket>();
  #timer: NodeJS.Timeout | undefined;
  #over = false;

  constructor(
    targets: readonly TcpTarget[],
    signal: AbortSignal,
    resolve: (winner: Connected) => void,
    reject: (error: TunnelError) => void,
  ) {
    this.#targets = [...targets];
    this.#signal = signal;
    this.#resolve = resolve;
    this.#reject = reject;
    signal.addEventListener('abort', this.#onAbort);
    if (signal.aborted) this.#onAbort();
  }

  readonly startNext = (): void => {
    clearTimeout(this.#timer);
    const target = this.#targets.shift();
    if (this.#over || target === undefined) return;
    const socket = connect({ host: target.ip, port: target.port, noDelay: true });
    this.#running.add(socket);
    socket.once('connect', () => {
      this.#won(socket, target);
    });
    socket.once('error', (error) => {
      this.#lost(socket, target, error);
    });
    if (this.#targets.length > 0) this.#timer = setTimeout(this.startNext, headStartMs);
  };

  #won(socket: Socket, target: TcpTarget): void {
    this.#running.delete(socket);
    socket.removeAllListeners('error');
    this.#finish();
    this.#resolve({ socket, target });
  }

  #lost(socket: Socket, target: TcpTarget, error: Error): void {
    this.#running.delete(socket);
    if (this.#over) return;
    if (this.#targets.length > 0) {
      this.startNext();
    } else if (this.#running.size === 0) {
      this.#finish();
      const where = `${target.ip} port ${target.port}`;
      this.#reject(dialError(error, where, where));
    }
  }

  readonly #onAbort = (): void => {
    this.#finish();
    this.#reject(abortError(this.#signal));
  };

  #finish(): void {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#signal.removeEventListener('abort', this.#onAbort);
    for (const socket of this.#running) socket.on('error', ignore).destroy();
  }
}

/** The error for work that a signal ended: its reason when that is a TunnelError, else ABORTED. */
export function abortError(signal: AbortSignal): TunnelError {
  const reason: unknown = signal.reason;
  if (reason instanceof TunnelError) return reason;
  return new TunnelError('ABORTED', 'connecting was given up', { cause: reason });
}

function interleave<T>(a: readonly T[], b: readonly T[]): T[] {
  const length = Math.max(a.length, b.length);
  return Array.from({ length }, (_, i) => [...a.slice(i, i + 1), ...b.slice(i, i + 1)]).flat();
}

function ignore(): void {
  // The race is over; this socket's error matters to nobody.
}
