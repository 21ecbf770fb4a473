import { constants, type X509Certificate } from 'node:crypto';
import { createServer, type Server } from 'node:https';
import type { RequestListener } from 'node:http';
import type { Duplex } from 'node:stream';
import type { SecureContextOptions, TLSSocket } from 'node:tls';
import type { Logger } from 'pino';
import { CertificateUsers } from './certificate-users.ts';
import {
  handshakeTimeoutMs,
  headersTimeoutMs,
  keepAliveMs,
  maxRequestHeaderBytes,
  requestTimeoutMs,
} from './limits.ts';
import { asksForUpgrade } from './upgrade-headers.ts';
import { parseTarget } from './request-target.ts';
import { isStreamingPath } from './streaming-request.ts';
import type { User } from './user.ts';

/** Certificate chain and key of the server, PEM. */
export interface ServingCertificate {
  cert: string;
  key: string;
}

export interface TlsFrontOptions {
  /** Asked for every connection, so that it may be rotated. */
  certificate: () => ServingCertificate;
  /** PEM bundles of the CAs whose client certificates count; asked for every connection. */
  clientCa: () => readonly string[];
  log: Logger;
  /** `handshakeTimeoutMs`, `headersTimeoutMs` and `requestTimeoutMs` when absent. */
  timeouts?: { handshakeMs: number; headersMs: number; requestMs: number };
}

interface Shown {
  certificate: X509Certificate;
  /** The CAs that it was checked against. */
  clientCa: string;
}

/**
 * The TLS and HTTP server behind all ports. It asks for a client certificate but drops nobody
 * without one, for a bearer token may come; whether a certificate counts is asked per request.
 * Sessions are not resumed: every connection shows its certificate to the CAs of that moment.
 */
export class TlsFront {
  readonly server: Server;
  readonly #options: TlsFrontOptions;
  readonly #shown = new WeakMap<Duplex, Shown>();
  readonly #users = new CertificateUsers();
  #certificate: ServingCertificate | undefined;
  #clientCa = '';

  constructor(options: TlsFrontOptions, handler: RequestListener) {
    this.#options = options;
    const handshakeMs = options.timeouts?.handshakeMs ?? handshakeTimeoutMs;
    const headersMs = options.timeouts?.headersMs ?? headersTimeoutMs;
    this.server = createServer(
      {
        ...fixedTlsOptions,
        requestCert: true,
        rejectUnauthorized: false,
        ALPNProtocols: ['http/1.1'],
        handshakeTimeout: handshakeMs,
        headersTimeout: headersMs,
        requestTimeout: options.timeouts?.requestMs ?? requestTimeoutMs,
        keepAliveTimeout: keepAliveMs,
        maxHeaderSize: maxRequestHeaderBytes,
        connectionsCheckingInterval: Math.ceil(headersMs / 3),
        shouldUpgradeCallback: (request) =>
          asksForUpgrade(request) && leavesHttp(request.url ?? ''),
      },
      handler,
    );
    this.server.on('secureConnection', (socket) => {
      this.#remember(socket);
    });
    this.server.on('tlsClientError', (error, socket) => {
      options.log.debug({ err: error, from: socket.remoteAddress }, 'TLS failed');
    });
    // It never listens itself, and only then would it begin to enforce its time limits.
    this.server.emit('listening');
  }

  /** Takes a connection of one of the ports. */
  accept(socket: Duplex): void {
    this.#refresh();
    this.server.emit('connection', socket);
  }

  /** The user of a connection's client certificate, if there is one that counts at this moment. */
  certificateUser(socket: Duplex): User | undefined {
    const shown = this.#shown.get(socket);
    if (shown?.clientCa !== bundleOf(this.#options.clientCa())) return undefined;
    return this.#users.userOf(shown.certificate);
  }

  #remember(socket: TLSSocket): void {
    const certificate = socket.getPeerX509Certificate();
    // Without any CA OpenSSL would have nothing to check against; then no certificate counts.
    if (!socket.authorized || certificate === undefined || this.#clientCa === '') return;
    this.#shown.set(socket, { certificate, clientCa: this.#clientCa });
  }

  /** Brings certificate and client CA up to date; what cannot be used leaves the one before. */
  #refresh(): void {
    const certificate = this.#options.certificate();
    const clientCa = bundleOf(this.#options.clientCa());
    if (clientCa === this.#clientCa && sameCertificate(certificate, this.#certificate)) return;
    try {
      this.server.setSecureContext({
        ...fixedTlsOptions,
        cert: certificate.cert,
        key: certificate.key,
        ca: clientCa === '' ? [] : [clientCa],
      });
    } catch (error) {
      this.#options.log.error({ err: error }, 'serving certificate or client CA cannot be used');
      return;
    }
    this.#certificate = certificate;
    this.#clientCa = clientCa;
  }
}

const fixedTlsOptions = {
  minVersion: 'TLSv1.2',
  secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
} as const satisfies SecureContextOptions;

function bundleOf(pems: readonly string[]): string {
  return pems.join('\n').trim();
}

function sameCertificate(a: ServingCertificate, b: ServingCertificate | undefined): boolean {
  return a.cert === b?.cert && a.key === b.key;
}

function leavesHttp(url: string): boolean {
  try {
    return isStreamingPath(parseTarget(url));
  } catch {
    return false;
  }
}
