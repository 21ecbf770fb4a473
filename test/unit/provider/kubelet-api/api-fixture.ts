import { once } from 'node:events';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import pino from 'pino';
import {
  KubeletApi,
  type KubeletApiOptions,
} from '../../../../src/provider/kubelet-api/kubelet-api.ts';
import { SiteFake } from './site-fake.ts';
import { type KeyAndCertificate, TestCa } from './test-pki.ts';

export interface Teardown {
  teardown(end: () => Promise<void>): void;
}

export interface Answer {
  status: number;
  headers: IncomingMessage['headers'];
  body: string;
}

interface Review {
  kind: string;
  spec: Record<string, unknown> & {
    user?: string;
    token?: string;
    resourceAttributes?: { verb: string; subresource: string; name: string };
  };
}

/** The API server as the kubelet API needs it: users by token, and what each may do. */
export class ReviewsFake {
  readonly seen: Review[] = [];
  /** Token → user. */
  users: Record<string, { username: string; groups: string[] }> = {};
  /** `user verb subresource`; a user `*` may do everything. */
  readonly allowed = new Set<string>(['admin *']);
  failure: Error | undefined;

  async create<T>(_type: unknown, object: unknown): Promise<T> {
    await Promise.resolve();
    const review = object as Review;
    this.seen.push(review);
    if (this.failure !== undefined) throw this.failure;
    return { status: this.#status(review) } as T;
  }

  #status({ kind, spec }: Review): object {
    if (kind === 'TokenReview') {
      const user = this.users[spec.token ?? ''];
      return user === undefined ? { authenticated: false } : { authenticated: true, user };
    }
    const { verb = '', subresource = '' } = spec.resourceAttributes ?? {};
    const user = spec.user ?? '';
    return {
      allowed: this.allowed.has(`${user} *`) || this.allowed.has(`${user} ${verb} ${subresource}`),
    };
  }
}

/** A running kubelet API with its CA, a site that the test plays, and clients. */
export class ApiFixture {
  readonly site = new SiteFake();
  readonly reviews = new ReviewsFake();
  readonly serverCa: TestCa;
  readonly clientCa: TestCa;
  readonly admin: KeyAndCertificate;
  readonly api: KubeletApi;
  /** What the API is told of; a test may change it. */
  trusted: string[];
  serving: KeyAndCertificate;
  port = 0;

  private constructor(parts: {
    serverCa: TestCa;
    clientCa: TestCa;
    admin: KeyAndCertificate;
    serving: KeyAndCertificate;
    options: Partial<KubeletApiOptions>;
  }) {
    this.serverCa = parts.serverCa;
    this.clientCa = parts.clientCa;
    this.admin = parts.admin;
    this.serving = parts.serving;
    this.trusted = [parts.clientCa.cert];
    this.api = new KubeletApi({
      tls: () => this.serving,
      clientCa: () => this.trusted,
      kube: this.reviews,
      nodes: this.site,
      host: '127.0.0.1',
      log: pino({ level: 'silent' }),
      ...parts.options,
    });
  }

  static async start(
    test: Teardown,
    options: Partial<KubeletApiOptions> = {},
  ): Promise<ApiFixture> {
    const serverCa = new TestCa('server-ca');
    const clientCa = new TestCa('client-ca');
    const fixture = new ApiFixture({
      serverCa,
      clientCa,
      options,
      admin: clientCa.issue({ commonNames: ['admin'], organizations: ['system:masters'] }),
      serving: serverCa.issue({ commonNames: ['kubelet'], usage: 'server' }),
    });
    test.teardown(() => fixture.api.close());
    fixture.port = await fixture.api.listen('berlin.shop', 0);
    return fixture;
  }

  /** One request on a connection of its own. */
  async ask(path: string, options: RequestOptions = {}): Promise<Answer> {
    const response = await this.begin(path, options);
    return {
      status: response.statusCode ?? 0,
      headers: response.headers,
      body: await text(response),
    };
  }

  async begin(path: string, options: RequestOptions = {}): Promise<IncomingMessage> {
    const request = httpsRequest({
      host: '127.0.0.1',
      port: this.port,
      path,
      ca: this.serverCa.cert,
      agent: false,
      ...options,
    });
    request.end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    return response;
  }

  /** A bare TLS connection that has sent its request. */
  async raw(lines: string[], as: Partial<KeyAndCertificate> = this.admin): Promise<TLSSocket> {
    const options: ConnectionOptions & { allowHalfOpen: boolean } = {
      host: '127.0.0.1',
      port: this.port,
      ca: this.serverCa.cert,
      allowHalfOpen: true,
      ...as,
    };
    const socket = connect(options);
    await once(socket, 'secureConnect');
    socket.write([...lines, '', ''].join('\r\n'));
    return socket;
  }
}

/** The request of kube-apiserver for an exec. */
export function execLines(
  method = 'POST',
  query = 'input=1&output=1&command=sh&command=-c',
): string[] {
  return [
    `${method} /exec/shop/web/app?${query} HTTP/1.1`,
    'Host: node',
    'Connection: Upgrade',
    'Upgrade: SPDY/3.1',
    'X-Stream-Protocol-Version: v4.channel.k8s.io',
    'X-Stream-Protocol-Version: v3.channel.k8s.io',
    'Authorization: Bearer secret-of-the-client',
    'Cookie: session=1',
    'X-Forwarded-For: 10.0.0.1',
    ...(method === 'POST' ? ['Content-Length: 0'] : []),
  ];
}

/** Reads until the text is there; gives all that came. */
export async function readUntil(socket: TLSSocket, end: string): Promise<string> {
  let seen = '';
  for await (const chunk of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    seen += chunk.toString('latin1');
    if (seen.includes(end)) break;
  }
  return seen;
}
