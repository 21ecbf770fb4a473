import type { Readable, Writable } from 'node:stream';
import * as v from 'valibot';
import { WebSocket } from 'ws';
import { RunnerError } from '../errors.ts';
import { execConnectTimeoutMs, maxAnswerBytes } from './limits.ts';

/** Where a command's streams end; `setRawMode` and sizes exist where it is a terminal. */
export interface Terminal {
  stdin: Readable & { isTTY?: boolean; setRawMode?: (on: boolean) => unknown };
  stdout: Writable & { columns?: number; rows?: number };
  stderr: Writable;
}

export interface ExecOptions {
  url: string;
  stdin: boolean;
  tty: boolean;
  terminal: Terminal;
  signal: AbortSignal;
}

/**
 * Channels of Kubernetes' remote command protocol over WebSocket; only from version 5 on can the end of
 * stdin be told. Source: k8s.io/apimachinery, pkg/util/remotecommand.
 */
const channels = { stdin: 0, stdout: 1, stderr: 2, status: 3, resize: 4, close: 255 } as const;
const [withClose, withoutClose] = ['v5.channel.k8s.io', 'v4.channel.k8s.io'] as const;

/** How a command has ended: a metav1.Status. */
const endOfCommand = v.object({
  status: v.optional(v.string()),
  message: v.optional(v.string(), ''),
  reason: v.optional(v.string()),
  details: v.optional(
    v.object({
      causes: v.optional(
        v.array(v.object({ reason: v.optional(v.string()), message: v.string() })),
      ),
    }),
  ),
});

/**
 * Ties a terminal to a command that the container runtime runs. Resolves with the command's exit code.
 * @throws RunnerError `EXEC_FAILED`
 */
export async function runExec(options: ExecOptions): Promise<number> {
  const { url, signal } = options;
  const socket = new WebSocket(url.replace(/^http/, 'ws'), [withClose, withoutClose], {
    handshakeTimeout: execConnectTimeoutMs,
    maxPayload: maxAnswerBytes,
  });
  const abort = (): void => {
    socket.terminate();
  };
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await new ExecSession(socket, options).run();
  } finally {
    signal.removeEventListener('abort', abort);
    socket.terminate();
  }
}

class ExecSession {
  readonly #socket: WebSocket;
  readonly #options: ExecOptions;
  #end: v.InferOutput<typeof endOfCommand> | undefined;

  constructor(socket: WebSocket, options: ExecOptions) {
    this.#socket = socket;
    this.#options = options;
  }

  async run(): Promise<number> {
    const socket = this.#socket;
    const closed = new Promise<void>((resolve, reject) => {
      const fail = (cause: unknown): void => {
        const why = cause instanceof Error ? cause.message : String(cause);
        const message = `the container runtime ended the command's streams: ${why}`;
        reject(new RunnerError('EXEC_FAILED', message, { cause }));
      };
      socket.on('message', (data) => {
        try {
          this.#take(data as Buffer);
        } catch (cause) {
          fail(cause);
        }
      });
      socket.once('error', fail);
      socket.once('close', () => {
        resolve();
      });
    });
    socket.once('open', () => {
      this.#begin();
    });
    try {
      await closed;
    } finally {
      this.#release();
    }
    return this.#exitCode();
  }

  #begin(): void {
    const { stdin, tty, terminal } = this.#options;
    if (tty) {
      terminal.stdin.setRawMode?.(true);
      this.#resize();
      terminal.stdout.on('resize', this.#resize);
    }
    if (!stdin) return;
    terminal.stdin.on('data', this.#type);
    terminal.stdin.once('end', () => {
      if (this.#socket.protocol === withClose) {
        this.#socket.send(Buffer.from([channels.close, channels.stdin]));
      }
    });
  }

  #release(): void {
    const { tty, terminal } = this.#options;
    terminal.stdin.off('data', this.#type);
    terminal.stdin.pause();
    terminal.stdout.off('resize', this.#resize);
    if (tty) terminal.stdin.setRawMode?.(false);
  }

  /** No more is read than the command takes. */
  readonly #type = (chunk: Buffer): void => {
    const { stdin } = this.#options.terminal;
    stdin.pause();
    this.#send(channels.stdin, chunk, () => {
      if (this.#socket.readyState === WebSocket.OPEN) stdin.resume();
    });
  };

  readonly #resize = (): void => {
    const { columns, rows } = this.#options.terminal.stdout;
    if (columns === undefined || rows === undefined) return;
    this.#send(channels.resize, Buffer.from(JSON.stringify({ Width: columns, Height: rows })));
  };

  #send(channel: number, bytes: Buffer, sent?: () => void): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    this.#socket.send(Buffer.concat([Buffer.from([channel]), bytes]), sent);
  }

  #take(message: Buffer): void {
    const { stdout, stderr } = this.#options.terminal;
    const bytes = message.subarray(1);
    switch (message[0]) {
      case channels.stdout:
        this.#pass(stdout, bytes);
        break;
      case channels.stderr:
        this.#pass(stderr, bytes);
        break;
      case channels.status:
        this.#end = v.parse(endOfCommand, JSON.parse(bytes.toString()));
        break;
      default:
        break;
    }
  }

  /** A terminal that reads slowly slows the command down. */
  #pass(output: Writable, bytes: Buffer): void {
    if (bytes.length === 0 || output.write(bytes)) return;
    this.#socket.pause();
    output.once('drain', () => {
      this.#socket.resume();
    });
  }

  #exitCode(): number {
    if (this.#end === undefined) {
      throw new RunnerError('EXEC_FAILED', 'the connection to the command was lost');
    }
    if (this.#end.status === 'Success') return 0;
    const cause = this.#end.details?.causes?.find(({ reason }) => reason === 'ExitCode');
    if (cause !== undefined) return Number(cause.message);
    throw new RunnerError('EXEC_FAILED', this.#end.message);
  }
}
