import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { KubeConfig } from '@kubernetes/client-node';
import pino from 'pino';
import { KubeClient } from '../../../../src/provider/kube-client/kube-client.ts';

export interface SeenRequest {
  method: string;
  url: URL;
  headers: IncomingMessage['headers'];
  body: string;
}

export type Handler = (request: SeenRequest, response: ServerResponse) => void;

/** The part of a tap test that fixtures need. */
export interface Teardown {
  teardown(end: () => Promise<void>): void;
}

/** A plain HTTP server that answers what a test scripts, and a client for it. */
export class ApiServerFake {
  readonly requests: SeenRequest[] = [];
  readonly client: KubeClient;
  /** The text of a file by which it is reached. */
  readonly kubeconfig: string;
  readonly #server: Server;

  private constructor(server: Server, handler: Handler, basePath: string) {
    this.#server = server;
    server.on('request', (message: IncomingMessage, response: ServerResponse) => {
      void this.#serve(message, response, handler);
    });
    const { port } = server.address() as AddressInfo;
    const config = new KubeConfig();
    config.loadFromClusterAndUser(
      { name: 'fake', server: `http://127.0.0.1:${port}${basePath}`, skipTLSVerify: true },
      { name: 'tester', token: 'a-token' },
    );
    this.kubeconfig = config.exportConfig();
    this.client = new KubeClient({ config, log: pino({ level: 'silent' }), userAgent: 'test' });
  }

  static async start(handler: Handler, basePath = ''): Promise<ApiServerFake> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new ApiServerFake(server, handler, basePath);
  }

  breakConnections(): void {
    this.#server.closeAllConnections();
  }

  async stop(): Promise<void> {
    await this.client.close();
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #serve(
    message: IncomingMessage,
    response: ServerResponse,
    handler: Handler,
  ): Promise<void> {
    const request = {
      method: message.method ?? '',
      url: new URL(message.url ?? '', 'http://fake'),
      headers: message.headers,
      body: await text(message),
    };
    this.requests.push(request);
    handler(request, response);
  }
}

export function sendJson(
  response: ServerResponse,
  body: unknown,
  status = 200,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

export function sendStatus(
  response: ServerResponse,
  status: number,
  reason: string,
  headers: Record<string, string> = {},
): void {
  sendJson(
    response,
    { kind: 'Status', status: 'Failure', reason, message: `it is ${reason}`, code: status },
    status,
    headers,
  );
}
