import { fieldOf, parseJson } from '../cri/json-field.ts';
import type { RunOnHost } from '../host/run-on-host.ts';

/** Path of the network namespace of a sandbox, in the `info` of its verbose CRI status. */
export function namespaceIn(info: string | undefined): string | undefined {
  const namespaces = fieldOf(
    fieldOf(fieldOf(parseJson(info), 'runtimeSpec'), 'linux'),
    'namespaces',
  );
  if (!Array.isArray(namespaces)) return undefined;
  const paths = namespaces
    .filter((each) => fieldOf(each, 'type') === 'network')
    .map((each) => fieldOf(each, 'path'));
  return paths.find((path) => typeof path === 'string' && path !== '') as string | undefined;
}

/**
 * The device's end of the pair of interfaces whose other end is a pod's `eth0`; undefined where the
 * network is made in another way. Rejects as `run` does.
 */
export async function hostEndOf(
  namespacePath: string,
  run: RunOnHost,
): Promise<string | undefined> {
  const [inside] = await links(run, 'nsenter', [
    ...[`--net=${namespacePath}`, 'ip', '-d', '-j', 'link', 'show', 'eth0'],
  ]);
  const isPair = fieldOf(fieldOf(inside, 'linkinfo'), 'info_kind') === 'veth';
  const index = fieldOf(inside, 'link_index');
  if (!isPair || typeof index !== 'number') return undefined;
  const all = await links(run, 'ip', ['-j', 'link', 'show']);
  const name = fieldOf(
    all.find((link) => fieldOf(link, 'ifindex') === index),
    'ifname',
  );
  return typeof name === 'string' ? name : undefined;
}

/** Names of all interfaces of a kind. Rejects as `run` does. */
export async function linksOfKind(kind: string, run: RunOnHost): Promise<string[]> {
  const found = await links(run, 'ip', ['-j', 'link', 'show', 'type', kind]);
  return found.map((link) => fieldOf(link, 'ifname')).filter((name) => typeof name === 'string');
}

async function links(run: RunOnHost, program: string, args: readonly string[]): Promise<unknown[]> {
  const parsed = parseJson(await run(program, args));
  return Array.isArray(parsed) ? (parsed as unknown[]) : [];
}
