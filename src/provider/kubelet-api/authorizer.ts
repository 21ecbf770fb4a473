import type { KubeClient } from '../kube-client/kube-client.ts';
import { resources } from '../kube-client/resource-type.ts';
import { allowedTtlMs, deniedTtlMs } from './limits.ts';
import { ReviewCache } from './review-cache.ts';
import type { User } from './user.ts';

/** What a user wants to do with a node. */
export interface NodeAccess {
  nodeName: string;
  verb: string;
  subresource: string;
}

/**
 * Asks the API server, by SubjectAccessReview, what a user may do with a node. What is allowed
 * holds five minutes, what is not half a minute, as at a kubelet.
 */
export class Authorizer {
  readonly #kube: Pick<KubeClient, 'create'>;
  readonly #reviews: ReviewCache<{ allowed: boolean }>;

  constructor(kube: Pick<KubeClient, 'create'>, now?: () => number) {
    this.#kube = kube;
    this.#reviews = new ReviewCache({
      lifetimeMs: ({ allowed }) => (allowed ? allowedTtlMs : deniedTtlMs),
      ...(now === undefined ? {} : { now }),
    });
  }

  /** @throws KubeApiError when the API server gives no answer. */
  async isAllowed(user: User, access: NodeAccess): Promise<boolean> {
    const spec = reviewSpec(user, access);
    const { allowed } = await this.#reviews.get(JSON.stringify(spec), async () => {
      const review = await this.#kube.create<{ status?: { allowed?: boolean } }>(
        resources.subjectAccessReviews,
        { apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview', spec },
      );
      return { allowed: review.status?.allowed === true };
    });
    return allowed;
  }
}

function reviewSpec(user: User, access: NodeAccess): object {
  return {
    user: user.name,
    uid: user.uid,
    groups: user.groups,
    extra: user.extra,
    resourceAttributes: {
      version: 'v1',
      resource: 'nodes',
      name: access.nodeName,
      verb: access.verb,
      subresource: access.subresource,
    },
  };
}
