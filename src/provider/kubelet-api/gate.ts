import type { Logger } from 'pino';
import type { Authenticator, Presented } from './authenticator.ts';
import type { Authorizer } from './authorizer.ts';
import { KubeletApiError } from './kubelet-api-error.ts';
import { requestAttributes } from './request-attributes.ts';
import type { User } from './user.ts';

/** A request as it stands at the gate; `path` is decoded. */
export interface Visit extends Presented {
  nodeName: string;
  method: string;
  path: string;
}

/** Lets in whoever is known and allowed; status and texts are a kubelet's. */
export class Gate {
  readonly #authenticator: Authenticator;
  readonly #authorizer: Authorizer;
  readonly #log: Logger;

  constructor(options: { authenticator: Authenticator; authorizer: Authorizer; log: Logger }) {
    this.#authenticator = options.authenticator;
    this.#authorizer = options.authorizer;
    this.#log = options.log;
  }

  /**
   * @throws KubeletApiError `UNAUTHENTICATED`, `FORBIDDEN`; `AUTHORIZATION_FAILED` when the API
   * server gives no answer.
   */
  async admit(visit: Visit): Promise<User> {
    const user = await this.#authenticate(visit);
    await this.#authorize(user, visit);
    return user;
  }

  async #authenticate(visit: Visit): Promise<User> {
    try {
      const user = await this.#authenticator.authenticate(visit);
      if (user !== undefined) return user;
    } catch (cause) {
      this.#log.error({ err: cause, node: visit.nodeName }, 'token review failed');
      throw new KubeletApiError('UNAUTHENTICATED', 'Unauthorized', { cause });
    }
    throw new KubeletApiError('UNAUTHENTICATED', 'Unauthorized');
  }

  async #authorize(user: User, visit: Visit): Promise<void> {
    const attributes = requestAttributes(visit.method, visit.path);
    if (attributes === undefined) {
      throw new KubeletApiError(
        'FORBIDDEN',
        'Authorization error: could not determine attributes for request',
      );
    }
    const { verb, subresources } = attributes;
    for (const subresource of subresources) {
      if (await this.#isAllowed(user, { nodeName: visit.nodeName, verb, subresource })) return;
    }
    this.#log.warn({ user: user.name, node: visit.nodeName, verb, subresources }, 'forbidden');
    throw new KubeletApiError(
      'FORBIDDEN',
      `Forbidden (user=${user.name}, verb=${verb}, resource=nodes, subresource(s)=[${subresources.join(' ')}])\n`,
    );
  }

  async #isAllowed(
    user: User,
    access: { nodeName: string; verb: string; subresource: string },
  ): Promise<boolean> {
    try {
      return await this.#authorizer.isAllowed(user, access);
    } catch (cause) {
      const { verb, subresource } = access;
      this.#log.error({ err: cause, node: access.nodeName }, 'access review failed');
      throw new KubeletApiError(
        'AUTHORIZATION_FAILED',
        `Authorization error (user=${user.name}, verb=${verb}, resource=nodes, subresource=${subresource})`,
        { cause },
      );
    }
  }
}
