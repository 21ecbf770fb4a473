import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Server } from 'node:https';
import * as v from 'valibot';
import { isDnsLabel } from '../../kube/dns-label.ts';
import { joinPath, joinRequest, type JoinRequest, type JoinResponse } from '../../protocol/join.ts';
import { parseMessage } from '../../protocol/parse.ts';
import { ProtocolError } from '../../protocol/errors.ts';
import { JoinRefusedError, type JoinRefusalCode } from '../join/errors.ts';
import type { JoinRate } from './join-rate.ts';
import { decisionTimeoutMs, maxJoinBodyBytes, maxTokenLength } from './limits.ts';

/** Redeems a token for a certificate. Rejects with JoinRefusedError. */
export interface Joiner {
  join(request: JoinRequest, signal?: AbortSignal): Promise<JoinResponse>;
}

const boundedRequest = v.pipe(
  joinRequest,
  v.check(({ tenant }) => isDnsLabel(tenant), 'tenant is not a DNS label'),
  v.check(({ site }) => isDnsLabel(site), 'site is not a DNS label'),
  v.check(({ token }) => token.length <= maxTokenLength, 'token is too long'),
);

const statuses: Record<JoinRefusalCode, number> = {
  TOKEN_UNKNOWN: 403,
  TOKEN_EXPIRED: 403,
  TOKEN_USED: 403,
  TOKEN_OF_OTHER_SITE: 403,
  SITE_NOT_FOUND: 404,
  SITE_REVOKED: 403,
  KEY_UNKNOWN: 403,
  PROOF_INVALID: 400,
  REQUEST_INVALID: 400,
  RATE_LIMITED: 429,
  UNAVAILABLE: 503,
};

/** `POST /v1/join`: answers with a `joinResponse`, or a `joinRefusal` and a fitting status. */
export function addJoinRoute(
  app: FastifyInstance<Server>,
  options: { joiner: Joiner; rate: JoinRate },
): void {
  app.post(joinPath, { bodyLimit: maxJoinBodyBytes }, async (request, reply) => {
    try {
      const body = parseMessage(boundedRequest, request.body);
      if (!options.rate.allows({ ...body, address: request.ip })) {
        return await refuse(reply, tooMany);
      }
      const signal = AbortSignal.timeout(decisionTimeoutMs);
      return await reply.send(await options.joiner.join(body, signal));
    } catch (error) {
      return refuse(reply, refusalOf(error));
    }
  });
}

export const tooMany = new JoinRefusedError(
  'RATE_LIMITED',
  'too many joins: try again in a minute',
);

/** Answers a request that never came to the route, for example because it isn't JSON. */
export function refuse(reply: FastifyReply, error: JoinRefusedError): FastifyReply {
  return reply.code(statuses[error.code]).send({ code: error.code, message: error.message });
}

/** What a failure is told as. */
export function refusalOf(error: unknown): JoinRefusedError {
  if (error instanceof JoinRefusedError) return error;
  if (error instanceof ProtocolError) return new JoinRefusedError('REQUEST_INVALID', error.message);
  return new JoinRefusedError(
    'UNAVAILABLE',
    'the provider failed to answer: try again in a minute',
    {
      cause: error,
    },
  );
}
