import type { HttpHeader } from '../../kube/probe.ts';

/** The version of Kubernetes whose probes these are. */
const kubernetesVersion = '1.36';

/** How a kubelet calls itself when it probes, or when it runs a hook. */
export function userAgent(purpose: 'probe' | 'lifecycle'): string {
  return `kube-${purpose}/${kubernetesVersion}`;
}

/**
 * The headers of a request, with the rules of a kubelet: names are written as HTTP/1.1 likes them
 * (`X-My-Header`), so that those that differ in case only are one; `Host` is the address unless the pod gives
 * one, `User-Agent` and `Accept` have defaults and are left out when the pod gives an empty one;
 * headers that speak of a body are not sent, since there is none.
 */
export function requestHeaders(
  given: readonly HttpHeader[],
  address: string,
  purpose: 'probe' | 'lifecycle',
): Record<string, string | string[]> {
  const headers: Record<string, string[]> = {};
  const nameOf = new Map<string, string>();
  for (const { name, value = '' } of given) {
    const key = name.toLowerCase();
    const shown = canonicalName(name);
    nameOf.set(key, shown);
    (headers[shown] ??= []).push(asBytes(value));
  }
  const result: Record<string, string | string[]> = {};
  result['Host'] = headers[nameOf.get('host') ?? '']?.[0] || address;
  setDefault(result, 'User-Agent', headers[nameOf.get('user-agent') ?? ''], userAgent(purpose));
  setDefault(result, 'Accept', headers[nameOf.get('accept') ?? ''], '*/*');
  for (const [key, name] of nameOf) {
    const values = headers[name];
    if (values !== undefined && !handledApart.has(key)) result[name] = values;
  }
  if (!nameOf.has('connection')) result['Connection'] = 'close';
  return result;
}

const handledApart = new Set([
  'host',
  'user-agent',
  'accept',
  'content-length',
  'transfer-encoding',
  'trailer',
]);

function setDefault(
  headers: Record<string, string | string[]>,
  name: string,
  values: string[] | undefined,
  fallback: string,
): void {
  if (values === undefined) headers[name] = fallback;
  else if (values[0] !== '') headers[name] = values;
}

/** Source: Go, net/textproto, CanonicalMIMEHeaderKey; what is no token stays as it is. */
function canonicalName(name: string): string {
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) return name;
  return name.toLowerCase().replace(/(^|-)[a-z]/g, (start) => start.toUpperCase());
}

/** Text goes out as UTF-8; Node takes a character for a byte. */
function asBytes(text: string): string {
  return Buffer.from(text).toString('latin1');
}
