import { constants } from 'node:crypto';
import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { SecureContextOptions, TlsOptions } from 'node:tls';
import { fastify, type FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { systemClock, type Clock } from '../../tunnel/clock.ts';
import { healthAt, healthPaths } from '../health.ts';
import { JoinRefusedError } from '../join/errors.ts';
import type { KeyPolicy } from '../join/site-key.ts';
import type { CertificateAuthority } from '../pki/authority.ts';
import type { KeyPairPem } from '../pki/key-pair.ts';
import type { ServingCertificate } from '../pki/serving-certificate.ts';
import { DropReport, type StrangerFigures } from '../strangers/drop-report.ts';
import { maxStrangers } from '../strangers/limits.ts';
import { Strangers } from '../strangers/strangers.ts';
import type { TunnelSites } from './admission.ts';
import { JoinRate } from './join-rate.ts';
import { addJoinRoute, refuse, type Joiner } from './join-route.ts';
import {
  connectionsCheckMs,
  handshakeTimeoutMs,
  headersTimeoutMs,
  keepAliveTimeoutMs,
  requestTimeoutMs,
} from './limits.ts';
import { PublicListener } from './public-listener.ts';
import { addRenewRoute, type Renewer } from './renew-route.ts';
import { TunnelUpgrades, type OnTunnel } from './tunnel-upgrades.ts';

export interface TunnelServerOptions {
  /** The CAs that sites' certificates are from. */
  authority: Pick<CertificateAuthority, 'trusted' | 'trustPem' | 'trustDomain'>;
  certificate: Pick<ServingCertificate, 'attach'> & { readonly current: KeyPairPem };
  /** By default the key with which a site joined. */
  keys?: KeyPolicy;
  joiner: Joiner;
  renewer: Renewer;
  sites: TunnelSites;
  onTunnel: OnTunnel;
  /** Why the provider isn't ready, or `undefined` when it is: the answer of `/readyz`. */
  notReady: () => string | undefined;
  log: Logger;
  /** In place of those of limits.ts. */
  timeouts?: { handshakeMs: number; headersMs: number; requestMs: number; checkMs: number };
  /** Most connections of unknown clients; `maxStrangers` when absent. */
  maxStrangers?: number;
  /** For rates. */
  clock?: Clock;
  /** For the validity of certificates. */
  nowMs?: () => number;
}

/**
 * The provider's public listener, TLS 1.3: `/v1/join`, `/v1/renew`, `/v1/tunnel`, `/healthz`, `/readyz`.
 * A client certificate is asked for and not insisted on; whether one is needed is decided for each
 * path. The CA is sent in the chain, so that a joining device can compare its hash.
 */
export class TunnelServer {
  readonly #app: FastifyInstance<Server>;
  readonly #listener: PublicListener;
  readonly #strangers: Strangers;
  readonly #report: DropReport;
  readonly #upgrades: TunnelUpgrades;
  readonly #detach: () => void;

  constructor(options: TunnelServerOptions) {
    const { authority, certificate, log } = options;
    const nowMs = options.nowMs ?? Date.now;
    this.#app = createApp(options);
    const clock = options.clock ?? systemClock;
    const report = new DropReport({ log, clock, listener: 'tunnels' });
    this.#report = report;
    this.#strangers = new Strangers({
      ...{ max: options.maxStrangers ?? maxStrangers, clock },
      onDropped: () => {
        report.add();
      },
    });
    this.#listener = new PublicListener({ server: this.#app.server, strangers: this.#strangers });
    this.#upgrades = new TunnelUpgrades({
      ...options,
      onAdmitted: (socket) => {
        this.#strangers.welcome(socket);
      },
      rules: () => ({
        authorities: authority.trusted,
        trustDomain: authority.trustDomain,
        nowMs: nowMs(),
        keys: options.keys ?? 'joined',
      }),
    });
    this.#app.server.on('upgrade', (request, socket, head) => {
      void this.#upgrades.upgrade(request, socket, head);
    });
    this.#app.server.on('tlsClientError', (err) => {
      log.debug({ err }, 'TLS handshake failed');
    });
    this.#detach = certificate.attach(this.#app.server, () => contextOptions(authority));
  }

  /** @throws TunnelServerError `PORT_IN_USE`, `LISTEN_FAILED` */
  async listen(at: { host: string; port: number }): Promise<AddressInfo> {
    await this.#app.ready();
    return this.#listener.listen(at);
  }

  /** Whether it takes new connections. */
  get listening(): boolean {
    return this.#listener.listening;
  }

  get strangers(): StrangerFigures {
    return { count: this.#strangers.count, dropped: this.#report.total };
  }

  /** Takes no new connections, so that sites that are sent away go elsewhere; those there are stay. */
  refuseNew(): void {
    this.#listener.refuseNew();
  }

  /** Ends the listener, and the connections that are still open. */
  async close(): Promise<void> {
    this.#detach();
    this.#upgrades.close();
    await this.#app.close();
    await this.#listener.close();
    this.#report.close();
  }
}

function createApp(options: TunnelServerOptions): FastifyInstance<Server> {
  const { joiner, renewer, authority, notReady, log } = options;
  const app = fastify<Server>({
    https: serverOptions(options),
    forceCloseConnections: true,
    requestTimeout: options.timeouts?.requestMs ?? requestTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
  });
  for (const path of healthPaths) {
    app.get(path, (_request, reply) => {
      const { status, text } = healthAt(path, notReady);
      return reply.code(status).send(text);
    });
  }
  const rate = new JoinRate(options.clock ?? systemClock);
  addJoinRoute(app, { joiner, rate });
  addRenewRoute(app, { renewer, rate, trustDomain: authority.trustDomain });
  app.setErrorHandler((error, _request, reply) => {
    log.debug({ err: error }, 'request refused');
    return refuse(reply, new JoinRefusedError('REQUEST_INVALID', 'the request cannot be read'));
  });
  return app;
}

function serverOptions(options: TunnelServerOptions): TlsOptions & Record<string, unknown> {
  const { certificate, privateKey } = options.certificate.current;
  return {
    ...contextOptions(options.authority),
    cert: certificate,
    key: privateKey,
    requestCert: true,
    rejectUnauthorized: false,
    handshakeTimeout: options.timeouts?.handshakeMs ?? handshakeTimeoutMs,
    headersTimeout: options.timeouts?.headersMs ?? headersTimeoutMs,
    connectionsCheckingInterval: options.timeouts?.checkMs ?? connectionsCheckMs,
  };
}

/** Without tickets no session is resumed, so that every connection proves its certificate anew. */
function contextOptions(authority: TunnelServerOptions['authority']): SecureContextOptions {
  return {
    ca: authority.trustPem,
    minVersion: 'TLSv1.3',
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}
