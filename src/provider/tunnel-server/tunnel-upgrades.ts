import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { Logger } from 'pino';
import { WebSocketServer, type WebSocket } from 'ws';
import { tunnelPath } from '../../protocol/join.ts';
import { trustHeader } from '../../protocol/trust-bundle.ts';
import { maxMessageBytes, maxMessageFragments } from '../../tunnel/limits.ts';
import type { PeerRules } from '../pki/site-identity.ts';
import type { SitePeer } from '../site/site-peer.ts';
import { admit, type TunnelSites } from './admission.ts';
import { decisionTimeoutMs } from './limits.ts';
import { rejectUpgrade } from './upgrade-rejection.ts';

/**
 * Takes over the connection of a site. Called at once when it is open: listeners must be set before
 * this returns, or what the site sent first is lost.
 */
export type OnTunnel = (peer: SitePeer, ws: WebSocket) => void;

/** Turns HTTP upgrades on the tunnel's path into WebSockets of sites that may come in. */
export class TunnelUpgrades {
  readonly #webSockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    autoPong: false,
    maxPayload: maxMessageBytes,
    maxFragments: maxMessageFragments,
  });
  readonly #rules: () => PeerRules;
  readonly #sites: TunnelSites;
  readonly #onAdmitted: (connection: Socket) => void;
  readonly #onTunnel: OnTunnel;
  readonly #log: Logger;

  constructor(options: {
    rules: () => PeerRules;
    sites: TunnelSites;
    /** A connection's client has shown that it is a site. */
    onAdmitted: (connection: Socket) => void;
    onTunnel: OnTunnel;
    log: Logger;
  }) {
    this.#rules = options.rules;
    this.#sites = options.sites;
    this.#onAdmitted = options.onAdmitted;
    this.#onTunnel = options.onTunnel;
    this.#log = options.log;
  }

  /** Handler of the server's `upgrade`. Answers every failure on the socket; never rejects. */
  async upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on('error', (err) => {
      this.#log.debug({ err }, 'connection broke during its upgrade');
    });
    if (request.url?.split('?')[0] !== tunnelPath) {
      rejectUpgrade(socket, 404, `there is nothing here to upgrade but ${tunnelPath}`);
      return;
    }
    const certificate = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined;
    const signal = AbortSignal.timeout(decisionTimeoutMs);
    const rules = this.#rules();
    const admission = await admit(certificate, rules, this.#sites, signal, chainFault(socket));
    if (!admission.ok) {
      this.#log.info({ from: request.socket.remoteAddress, ...admission }, 'tunnel refused');
      rejectUpgrade(socket, admission.status, admission.reason);
      return;
    }
    if (socket.destroyed || certificate === undefined) return;
    this.#onAdmitted(request.socket);
    const header = request.headers[trustHeader];
    // Whoever has its certificate from elsewhere is given none here.
    const isOurs = rules.keys === 'joined';
    const trustDigest = isOurs && typeof header === 'string' ? header : undefined;
    this.#webSockets.handleUpgrade(request, socket, head, (ws) => {
      const { site, publicKeyHash } = admission;
      this.#onTunnel({ site, certificate, publicKeyHash, trustDigest }, ws);
    });
  }

  /** Breaks the connections of all sites that are still open. */
  close(): void {
    for (const ws of this.#webSockets.clients) ws.terminate();
    this.#webSockets.close();
  }
}

/** What TLS found wrong with the client's certificates. */
function chainFault(socket: Duplex): string | undefined {
  if (!(socket instanceof TLSSocket)) return 'there is no TLS';
  if (socket.authorized) return undefined;
  const { authorizationError: error } = socket as { authorizationError: Error | string | null };
  return error instanceof Error ? error.message : (error ?? 'unknown');
}
