import { request as httpRequest, type IncomingMessage } from 'node:http';
import { isIPv6 } from 'node:net';
import type { TLSSocket } from 'node:tls';
import * as v from 'valibot';
import { joinRefusal, joinResponse, type JoinResponse } from '../../protocol/join.ts';
import { JoinError } from './errors.ts';
import { maxResponseBytes, responseTimeoutMs } from './limits.ts';
import type { ProviderAddress } from './provider-address.ts';

/**
 * Asks for a certificate over a connection whose other end is proved, and closes it.
 * @throws JoinError with the provider's reason, or `CONNECTION_LOST`, `RESPONSE_INVALID`, `ABORTED`.
 */
export async function exchangeJoin(
  socket: TLSSocket,
  address: ProviderAddress,
  asked: CertificateQuestion,
  signal: AbortSignal,
): Promise<JoinResponse> {
  const timeout = AbortSignal.timeout(responseTimeoutMs);
  try {
    const bounded = AbortSignal.any([signal, timeout]);
    const answer = await post(socket, address, asked, bounded);
    return readAnswer(address, answer);
  } catch (error) {
    if (error instanceof JoinError) throw error;
    if (signal.aborted) throw new JoinError('ABORTED', 'joining was interrupted', { cause: error });
    throw new JoinError(
      'CONNECTION_LOST',
      `the connection to ${address.url} broke before its answer: check the network of this device and join again; ` +
        'if the token is then called used, get a new one',
      { cause: error },
    );
  } finally {
    socket.destroy();
  }
}

/** A POST of JSON, or of nothing. */
export interface CertificateQuestion {
  path: string;
  body?: string;
}

interface Answer {
  status: number;
  body: string;
}

function post(
  socket: TLSSocket,
  address: ProviderAddress,
  { path, body = '' }: CertificateQuestion,
  signal: AbortSignal,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest({
      createConnection: () => socket,
      method: 'POST',
      path,
      headers: {
        host: `${isIPv6(address.host) ? `[${address.host}]` : address.host}:${address.port}`,
        ...(body === '' ? {} : { 'content-type': 'application/json' }),
        'content-length': Buffer.byteLength(body),
        connection: 'close',
      },
      signal,
    });
    outgoing.on('error', reject);
    outgoing.on('response', (response) => {
      readBody(response).then(
        (text) => {
          resolve({ status: response.statusCode ?? 0, body: text });
        },
        (error: unknown) => {
          reject(error instanceof Error ? error : new JoinError('CONNECTION_LOST', String(error)));
        },
      );
    });
    outgoing.end(body);
  });
}

async function readBody(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxResponseBytes) {
      throw new JoinError(
        'RESPONSE_INVALID',
        `the answer to a join is over ${maxResponseBytes} bytes`,
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function readAnswer(address: ProviderAddress, answer: Answer): JoinResponse {
  const value = parseJson(answer.body);
  const response = v.safeParse(joinResponse, value);
  if (answer.status === 200 && response.success) return response.output;
  const refusal = v.safeParse(joinRefusal, value);
  if (answer.status !== 200 && refusal.success) {
    const { code, message } = refusal.output;
    throw new JoinError(code, `${address.url} refused: ${printable(message)}`);
  }
  throw new JoinError(
    'RESPONSE_INVALID',
    `${address.url} answered with status ${answer.status} and something else than a provider of this version does: check the address, and that runner and provider fit`,
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** One line, without control characters that a terminal would obey. */
function printable(text: string): string {
  return text.replaceAll(/\p{Cc}+/gu, ' ').slice(0, 500);
}
