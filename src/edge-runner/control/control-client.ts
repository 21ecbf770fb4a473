import { request, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { RunnerError } from '../errors.ts';
import { systemCodeOf } from '../join/errors.ts';
import { answerTimeoutMs, maxAnswerBytes } from './limits.ts';

/** The socket's place in the runner's `--memory-dir`. */
export function controlSocket(memoryDir: string): string {
  return join(memoryDir, 'control.sock');
}

/** Asks the runner on this device. All calls throw RunnerError `RUNNER_UNREACHABLE` or `CONTROL_REFUSED`. */
export class ControlClient {
  readonly #socketPath: string;
  readonly #signal: AbortSignal;

  constructor(socketPath: string, signal: AbortSignal) {
    this.#socketPath = socketPath;
    this.#signal = signal;
  }

  /** What the runner says; its form is that of this same version's answers. */
  async get<T>(path: string): Promise<T> {
    return (await this.#json('GET', path)) as T;
  }

  async post<T>(path: string, body: object): Promise<T> {
    return (await this.#json('POST', path, body)) as T;
  }

  /** An answer of any length, in pieces as they come. */
  async *stream(path: string, body: object): AsyncGenerator<Buffer, void, undefined> {
    const answer = await this.#ask('POST', path, body);
    try {
      for await (const chunk of answer as AsyncIterable<Buffer>) yield chunk;
    } catch (cause) {
      if (!this.#signal.aborted) throw this.#unreachable(cause);
    }
  }

  async #json(method: string, path: string, body?: object): Promise<unknown> {
    const answer = await this.#ask(method, path, body);
    return JSON.parse(await collect(answer)) as unknown;
  }

  /** Gives an answer that is no refusal. */
  async #ask(method: string, path: string, body?: object): Promise<IncomingMessage> {
    const answer = await this.#send(method, path, body).catch((cause: unknown) => {
      throw this.#unreachable(cause);
    });
    if (answer.statusCode === 200) return answer;
    const { message } = JSON.parse(await collect(answer)) as { message: string };
    throw new RunnerError('CONTROL_REFUSED', message);
  }

  #send(method: string, path: string, body?: object): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const options = { socketPath: this.#socketPath, method, path, signal: this.#signal };
      const asked = request(options, (answer) => {
        asked.setTimeout(0);
        resolve(answer);
      });
      asked.setTimeout(answerTimeoutMs, () => {
        asked.destroy(new RunnerError('RUNNER_UNREACHABLE', 'it does not answer'));
      });
      asked.once('error', reject);
      asked.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  #unreachable(cause: unknown): RunnerError {
    const code = systemCodeOf(cause);
    const message =
      code === 'EACCES'
        ? `${this.#socketPath} is for root alone: use sudo`
        : `no runner answers at ${this.#socketPath} (${code ?? String(cause)}): is "towline-runner run" running, and with this --memory-dir?`;
    return new RunnerError('RUNNER_UNREACHABLE', message, { cause });
  }
}

async function collect(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxAnswerBytes) {
      throw new RunnerError('CONTROL_REFUSED', 'the answer is too large to be shown');
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
