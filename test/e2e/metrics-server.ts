import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Test } from 'tap';
import { waitFor } from '../../hack/lab/wait.ts';
import type { Node } from '../../src/kube/api.ts';
import type { Cluster } from './cluster.ts';

/** What metrics-server keeps of one answer. Times in ms, CPU in core-seconds, memory in bytes. */
interface Point {
  atMs: number;
  cpuSeconds: number;
  memoryBytes: number;
}

const account = 'metrics-server';

/**
 * metrics-server's own way to a node: its address and port out of the Node's status
 * (`--kubelet-use-node-status-port`), a service account that may `get` `nodes/metrics`, and an answer of
 * which it takes the series of five names, each pod only when all of its containers are complete.
 * Source: metrics-server, pkg/scraper/client/resource.
 */
export async function metricsServer(t: Test, cluster: Cluster): Promise<void> {
  await cluster.kubectl('create', 'serviceaccount', account);
  const token = await tokenOf(cluster);
  t.equal((await scrape(cluster, token)).status, 403, 'only with the right to');
  const name = `${account}-${cluster.namespace}`;
  await cluster.kubectl('create', 'clusterrole', name, '--verb=get', '--resource=nodes/metrics');
  await cluster.kubectl(
    ...['create', 'clusterrolebinding', name, `--clusterrole=${name}`],
    `--serviceaccount=${cluster.namespace}:${account}`,
  );
  const first = await waitFor(
    async () => {
      const { status, body } = await scrape(cluster, token);
      return status === 200 && decode(body);
    },
    // A refusal is remembered for half a minute.
    { what: 'the node to answer', timeoutMs: 60_000 },
  );
  const pod = `${cluster.namespace}/busy`;
  t.same([...(first.pods.get(pod)?.keys() ?? [])], ['main'], 'the pod is complete');
  const second = await waitFor(
    async () => {
      const next = decode((await scrape(cluster, token)).body);
      return next.node.atMs > first.node.atMs + 2_000 && next;
    },
    { what: 'a second answer', timeoutMs: 30_000 },
  );
  const busy = cores(first.pods.get(pod)?.get('main'), second.pods.get(pod)?.get('main'));
  t.ok(busy > 0.01 && busy < 8, `its container uses ${busy} cores`);
  t.ok(cores(first.node, second.node) > 0, 'the node is shown by `kubectl top nodes`');
}

async function tokenOf(cluster: Cluster): Promise<string> {
  const path = `/api/v1/namespaces/${cluster.namespace}/serviceaccounts/${account}/token`;
  const wish = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} };
  const { stdout } = await cluster.tryKubectl(['create', '--raw', path, '-f', '-'], {
    input: JSON.stringify(wish),
  });
  return (JSON.parse(stdout) as { status: { token: string } }).status.token;
}

async function scrape(cluster: Cluster, token: string): Promise<{ status: number; body: string }> {
  const shown = await cluster.kubectl('get', 'node', cluster.site.nodeName, '-o', 'json');
  const { status } = JSON.parse(shown) as Node;
  const asked = request({
    host: status?.addresses?.find(({ type }) => type === 'InternalIP')?.address,
    port: status?.daemonEndpoints?.kubeletEndpoint?.Port,
    path: '/metrics/resource',
    // `--kubelet-insecure-tls`
    rejectUnauthorized: false,
    agent: false,
    headers: { authorization: `Bearer ${token}` },
  });
  asked.end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  return { status: response.statusCode ?? 0, body: await text(response) };
}

function decode(body: string): { node: Point; pods: Map<string, Map<string, Point>> } {
  const node = { atMs: 0, cpuSeconds: 0, memoryBytes: 0 };
  const pods = new Map<string, Map<string, Point>>();
  for (const line of body.split('\n')) {
    const [, name = '', labels = '', value, atMs] =
      /^(\w+)(?:\{(.*)\})? (\S+)(?: (\d+))?$/.exec(line) ?? [];
    const kind = /^(node|container)_(cpu_usage_seconds_total|memory_working_set_bytes)$/.exec(name);
    if (kind === null) continue;
    const point = kind[1] === 'node' ? node : pointOf(pods, labels);
    point[kind[2] === 'cpu_usage_seconds_total' ? 'cpuSeconds' : 'memoryBytes'] = Number(value);
    point.atMs = Number(atMs);
  }
  const complete = [...pods].filter(([, containers]) =>
    [...containers.values()].every(({ cpuSeconds, memoryBytes }) => cpuSeconds * memoryBytes > 0),
  );
  return { node, pods: new Map(complete) };
}

function pointOf(pods: Map<string, Map<string, Point>>, labels: string): Point {
  const label = (name: string): string => new RegExp(`${name}="([^"]*)"`).exec(labels)?.[1] ?? '';
  const pod = `${label('namespace')}/${label('pod')}`;
  const containers = pods.get(pod) ?? new Map<string, Point>();
  pods.set(pod, containers);
  const point = containers.get(label('container')) ?? { atMs: 0, cpuSeconds: 0, memoryBytes: 0 };
  containers.set(label('container'), point);
  return point;
}

function cores(before: Point | undefined, after: Point | undefined): number {
  if (before === undefined || after === undefined) return 0;
  return (after.cpuSeconds - before.cpuSeconds) / ((after.atMs - before.atMs) / 1000);
}
