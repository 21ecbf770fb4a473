import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { KubeClient } from '../kube-client/kube-client.ts';
import { resources } from '../kube-client/resource-type.ts';
import { maxTokenLength, tokenReviewTtlMs } from './limits.ts';
import { ReviewCache } from './review-cache.ts';
import { authenticated, type User } from './user.ts';

/** What a request shows of who asks. */
export interface Presented {
  /** The user of a client certificate that the client CA signed. */
  certificateUser: User | undefined;
  headers: IncomingHttpHeaders;
}

interface TokenReview {
  status?: {
    authenticated?: boolean;
    user?: {
      username?: string;
      uid?: string;
      groups?: string[];
      extra?: Record<string, string[]>;
    };
  };
}

/**
 * Finds out who asks: by client certificate, else by bearer token, which the API server reviews; an
 * outcome holds two minutes. Nobody is let in anonymously.
 * Source: "Kubelet authentication/authorization".
 */
export class Authenticator {
  readonly #kube: Pick<KubeClient, 'create'>;
  readonly #reviews: ReviewCache<{ user: User | undefined }>;

  constructor(kube: Pick<KubeClient, 'create'>, now?: () => number) {
    this.#kube = kube;
    this.#reviews = new ReviewCache({
      lifetimeMs: () => tokenReviewTtlMs,
      ...(now === undefined ? {} : { now }),
    });
  }

  /** @returns undefined for a stranger. @throws KubeApiError when the API server gives no answer. */
  async authenticate(presented: Presented): Promise<User | undefined> {
    if (presented.certificateUser !== undefined) return authenticated(presented.certificateUser);
    const token = bearerToken(presented.headers.authorization);
    if (token === undefined) return undefined;
    const key = createHash('sha256').update(token).digest('base64');
    const { user } = await this.#reviews.get(key, () => this.#review(token));
    return user;
  }

  async #review(token: string): Promise<{ user: User | undefined }> {
    const review = await this.#kube.create<TokenReview>(resources.tokenReviews, {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      spec: { token },
    });
    const { authenticated: ok, user } = review.status ?? {};
    if (ok !== true || !user?.username) return { user: undefined };
    return {
      user: authenticated({
        name: user.username,
        groups: user.groups ?? [],
        ...(user.uid === undefined ? {} : { uid: user.uid }),
        ...(user.extra === undefined ? {} : { extra: user.extra }),
      }),
    };
  }
}

function bearerToken(authorization: string | undefined): string | undefined {
  const token = /^bearer +([^ ]+) *$/i.exec(authorization ?? '')?.[1];
  return token !== undefined && token.length <= maxTokenLength ? token : undefined;
}
