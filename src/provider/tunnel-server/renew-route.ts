import type { X509Certificate } from 'node:crypto';
import type { Server } from 'node:https';
import { TLSSocket } from 'node:tls';
import type { FastifyInstance } from 'fastify';
import { renewPath, type JoinResponse } from '../../protocol/join.ts';
import { claimedSiteOf } from '../pki/site-identity.ts';
import type { JoinRate } from './join-rate.ts';
import { refusalOf, refuse, tooMany } from './join-route.ts';
import { decisionTimeoutMs } from './limits.ts';

/** Gives the holder of a key a new certificate. Rejects with JoinRefusedError. */
export interface Renewer {
  renew(certificate: X509Certificate | undefined, signal?: AbortSignal): Promise<JoinResponse>;
}

/** `POST /v1/renew`: answers as `/v1/join` does. The only path on which an expired certificate counts. */
export function addRenewRoute(
  app: FastifyInstance<Server>,
  options: { renewer: Renewer; rate: JoinRate; trustDomain: string },
): void {
  app.post(renewPath, { bodyLimit: 1 }, async (request, reply) => {
    try {
      const { socket } = request.raw;
      const certificate = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined;
      const site = claimedSiteOf(certificate, options.trustDomain) ?? { tenant: '', name: '' };
      const tried = { tenant: site.tenant, site: site.name, address: request.ip };
      if (!options.rate.allows(tried)) return await refuse(reply, tooMany);
      const signal = AbortSignal.timeout(decisionTimeoutMs);
      return await reply.send(await options.renewer.renew(certificate, signal));
    } catch (error) {
      return refuse(reply, refusalOf(error));
    }
  });
}
