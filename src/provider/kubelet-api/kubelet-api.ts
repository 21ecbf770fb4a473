import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import fastify, { type FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { systemClock, type Clock } from '../../tunnel/clock.ts';
import type { KubeClient } from '../kube-client/kube-client.ts';
import { DropReport, type StrangerFigures } from '../strangers/drop-report.ts';
import { maxStrangers } from '../strangers/limits.ts';
import { Strangers } from '../strangers/strangers.ts';
import { Authenticator } from './authenticator.ts';
import { Authorizer } from './authorizer.ts';
import { Gate } from './gate.ts';
import { KubeletApiError } from './kubelet-api-error.ts';
import type { NodeDirectory } from './node-directory.ts';
import { NodeListeners } from './node-listeners.ts';
import type { RequestTarget } from './request-target.ts';
import { addRoutes } from './routes.ts';
import { type ServingCertificate, TlsFront } from './tls-front.ts';
import { UpgradeServer } from './upgrade-server.ts';

export interface KubeletApiOptions {
  /** The serving certificate, or what gives the one of the moment; asked for every connection. */
  tls: ServingCertificate | (() => ServingCertificate);
  /** PEM bundles of the CAs whose client certificates count; asked for every connection. */
  clientCa: () => readonly string[];
  /** Reviews bearer tokens and access. */
  kube: Pick<KubeClient, 'create'>;
  nodes: NodeDirectory;
  /** Address to listen on. */
  host: string;
  log: Logger;
  /** How long a site's runtime may take to answer an upgrade; `replyTimeoutMs` of limits.ts when absent. */
  replyTimeoutMs?: number;
  /** For how long a client may be unknown. */
  clock?: Clock;
}

/**
 * The API through which kube-apiserver reaches the pods of virtual nodes, as a kubelet serves it:
 * logs, exec, attach, port-forward. One port per node, since a path doesn't name the node; one
 * server behind them all.
 */
export class KubeletApi {
  readonly #app: FastifyInstance;
  readonly #front: TlsFront;
  readonly #listeners: NodeListeners;
  readonly #strangers: Strangers;
  readonly #report: DropReport;
  readonly #gate: Gate;

  constructor(options: KubeletApiOptions) {
    const { kube, nodes, tls } = options;
    const log = options.log.child({ part: 'kubelet-api' });
    const fronts: TlsFront[] = [];
    this.#app = fastify({
      logger: false,
      exposeHeadRoutes: false,
      // Only a badly escaped path gets here, before any hook.
      frameworkErrors: (_error, _request, reply) => {
        reply.hijack();
        reply.raw.writeHead(400, { 'content-type': 'text/plain; charset=utf-8' });
        reply.raw.end('the path is badly escaped');
      },
      serverFactory: (handler) => {
        const certificate = typeof tls === 'function' ? tls : (): ServingCertificate => tls;
        const front = new TlsFront({ certificate, clientCa: options.clientCa, log }, handler);
        fronts.push(front);
        return front.server;
      },
    });
    const [front] = fronts;
    if (front === undefined) throw new KubeletApiError('INTERNAL', 'fastify made no server');
    this.#front = front;
    const { clock = systemClock } = options;
    const report = new DropReport({ log, clock, listener: 'kubelet API' });
    const onDropped = (): void => {
      report.add();
    };
    this.#report = report;
    this.#strangers = new Strangers({ max: maxStrangers, clock, onDropped });
    this.#listeners = new NodeListeners({
      ...{ host: options.host, clock, onDropped },
      strangers: this.#strangers,
      accept: (socket) => {
        front.accept(socket);
      },
    });
    this.#gate = new Gate({
      authenticator: new Authenticator(kube),
      authorizer: new Authorizer(kube),
      log,
    });
    const admit = this.#admit.bind(this);
    addRoutes(this.#app, { nodes, admit, log });
    const upgrades = new UpgradeServer({
      ...{ nodes, admit, log },
      replyTimeoutMs: options.replyTimeoutMs,
    });
    front.server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      void upgrades.serve(request, socket, head);
    });
  }

  get strangers(): StrangerFigures {
    return { count: this.#strangers.count, dropped: this.#report.total };
  }

  /**
   * Serves a node on a port, 0 for any free one, and says on which.
   * @throws KubeletApiError `PORT_IN_USE`, `LISTEN_FAILED`.
   */
  async listen(nodeName: string, port: number): Promise<number> {
    await this.#app.ready();
    return this.#listeners.listen(nodeName, port);
  }

  /** Closes a node's port and breaks its connections. */
  unlisten(nodeName: string): Promise<void> {
    return this.#listeners.unlisten(nodeName);
  }

  /** Closes every port and breaks every connection. */
  async close(): Promise<void> {
    await this.#listeners.close();
    await this.#app.close();
    this.#report.close();
  }

  async #admit(request: IncomingMessage, target: RequestTarget): Promise<string> {
    const nodeName = this.#listeners.nodeOf(request.socket.localPort);
    if (nodeName === undefined) throw new KubeletApiError('UNAUTHENTICATED', 'Unauthorized');
    await this.#gate.admit({
      nodeName,
      method: request.method ?? '',
      path: target.path,
      headers: request.headers,
      certificateUser: this.#front.certificateUser(request.socket),
    });
    this.#listeners.welcome(request.socket);
    return nodeName;
  }
}
