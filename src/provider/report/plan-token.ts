import type { Pod, ServiceAccountTokenProjection } from '../../kube/api.ts';
import { isMirrorPod } from '../../kube/mirror-pod.ts';
import type { TokenRequest } from '../../protocol/report.ts';

/** What the API is asked for, or why the site is refused. */
export type TokenPlan =
  | { ok: true; namespace: string; serviceAccount: string; request: object }
  | { ok: false; message: string };

/** Of the API (`ServiceAccountTokenProjection.expirationSeconds`). */
const defaultExpirationSeconds = 3600;

/**
 * Decides on a site's wish for a service-account token: only for a pod that is bound to its node,
 * and only what that pod declares while it runs, so that a site gets no more than its pods may have.
 * @param pod the API's pod of that name.
 */
export function planToken(
  nodeName: string,
  pod: Pod | undefined,
  wish: Omit<TokenRequest, 'type' | 'id'>,
): TokenPlan {
  const { namespace, name, uid } = wish.pod;
  if (pod?.metadata.uid !== uid || pod.spec.nodeName !== nodeName) {
    return refused(`pod ${namespace}/${name} (${uid}) is not bound to node ${nodeName}`);
  }
  if (isMirrorPod(pod))
    return refused(`pod ${namespace}/${name} is a static one, and has no account`);
  if (pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') {
    return refused(`pod ${namespace}/${name} has ended`);
  }
  const serviceAccount = pod.spec.serviceAccountName ?? 'default';
  if (wish.serviceAccount !== serviceAccount) {
    return refused(`pod ${namespace}/${name} does not use service account ${wish.serviceAccount}`);
  }
  const projection = projections(pod).find((declared) => declares(declared, wish));
  if (projection === undefined) {
    return refused(`pod ${namespace}/${name} declares no such token`);
  }
  return {
    ok: true,
    namespace,
    serviceAccount,
    request: {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: {
        audiences: audiencesOf(projection),
        expirationSeconds: wish.expirationSeconds,
        boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
      },
    },
  };
}

function refused(message: string): TokenPlan {
  return { ok: false, message };
}

function projections(pod: Pod): ServiceAccountTokenProjection[] {
  return (pod.spec.volumes ?? [])
    .flatMap((volume) => volume.projected?.sources ?? [])
    .flatMap((source) => source.serviceAccountToken ?? []);
}

function declares(
  projection: ServiceAccountTokenProjection,
  wish: Pick<TokenRequest, 'audiences' | 'expirationSeconds'>,
): boolean {
  const { expirationSeconds = defaultExpirationSeconds } = projection;
  const asked = wish.audiences.filter((audience) => audience !== '');
  return (
    expirationSeconds === wish.expirationSeconds &&
    JSON.stringify(audiencesOf(projection)) === JSON.stringify(asked)
  );
}

/** Empty means the API server's own audience. */
function audiencesOf({ audience = '' }: ServiceAccountTokenProjection): string[] {
  return audience === '' ? [] : [audience];
}
