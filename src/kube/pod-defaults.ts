import type { Container, PodSpec } from './api.ts';
import { containersLimit, containersRequest } from './pod-totals.ts';
import { divideRoundingUp } from './quantity.ts';

/**
 * The requests that the API server gives a pod that it stores, for one that it never saw: of a
 * container its limits; of a pod with limits as a whole what its containers request, else those limits.
 * @throws KubeRuleError `INVALID_QUANTITY`
 * Source: kubernetes, pkg/apis/core/v1/defaults.go, SetDefaults_Pod.
 */
export function withDefaultRequests(spec: PodSpec): PodSpec {
  const { initContainers } = spec;
  const filled = {
    ...spec,
    containers: spec.containers.map(withOwnRequests),
    ...(Array.isArray(initContainers) && {
      initContainers: initContainers.map(withOwnRequests),
    }),
  };
  return spec.resources === undefined ? filled : withRequestsAsAWhole(filled);
}

function withOwnRequests(container: Container): Container {
  const { limits, requests } = container.resources ?? {};
  if (limits === undefined) return container;
  return {
    ...container,
    resources: { ...container.resources, requests: { ...limits, ...requests } },
  };
}

/** Of huge pages a container's limits are the pod's, too, where it says nothing of them. */
function withRequestsAsAWhole(spec: PodSpec): PodSpec {
  const { limits: ownLimits = {}, requests: ownRequests = {} } = spec.resources ?? {};
  if (Object.keys({ ...ownLimits, ...ownRequests }).length === 0) return spec;
  const pages = namesOf(spec, 'limits').filter((name) => isPages(name) && !(name in ownRequests));
  const pageLimits = pages.map((name) => [name, textOf(containersLimit(spec, name))]);
  const limits = { ...(Object.fromEntries(pageLimits) as Record<string, string>), ...ownLimits };
  if (Object.keys(limits).length === 0) return spec;
  const shared = namesOf(spec, 'requests').filter((name) => overcommitted.includes(name));
  const asked = shared.map((name) => [name, textOf(containersRequest(spec, name))]);
  const limited = Object.entries(limits).filter(
    ([name]) => overcommitted.includes(name) || isPages(name),
  );
  const requests = { ...Object.fromEntries([...limited, ...asked]), ...ownRequests } as Record<
    string,
    string
  >;
  return { ...spec, resources: { ...spec.resources, limits, requests } };
}

/** What a pod can have as a whole, besides huge pages. */
const overcommitted = ['cpu', 'memory'];

function isPages(name: string): boolean {
  return name.startsWith('hugepages-');
}

function namesOf(spec: PodSpec, list: 'limits' | 'requests'): string[] {
  const all = [...(spec.initContainers ?? []), ...spec.containers];
  return all.flatMap(({ resources }) => Object.keys(resources?.[list] ?? {}));
}

/** In whole units where it is whole, else in thousandths, rounded up as the API server does. */
function textOf(nano: bigint): string {
  const milli = divideRoundingUp(nano, 1_000_000n);
  return milli % 1000n === 0n ? String(milli / 1000n) : `${milli}m`;
}
