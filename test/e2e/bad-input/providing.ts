import type { Test } from 'tap';
import type { Cluster } from '../cluster.ts';
import { brokenKubeconfig, kubeconfigOf } from './kubeconfigs.ts';
import { endInOneLine, onHost, programs, type BadCall } from './one-line.ts';
import { closedPort, plainHttpServer, silentServer } from './silent-server.ts';

const run = onHost(programs.provider);
const prefix = 'towline-provider';

/** A provider that can't serve, beside one that does. */
export async function providing(t: Test, cluster: Cluster): Promise<void> {
  const { lab, plane, site } = cluster;
  const host = lab.hostAddress;
  const free = await closedPort(host);
  const call = (name: string, says: RegExp, ...more: string[]): BadCall => ({
    ...{ name, says },
    args: [
      ...['--kubeconfig', plane.adminKubeconfig, '--listen', `${host}:${free}`],
      ...['--node-address', host, '--kubelet-listen', host, '--kubelet-ports', '0', ...more],
    ],
  });
  const withConfig = (name: string, says: RegExp, kubeconfig: string): BadCall =>
    call(name, says, '--kubeconfig', kubeconfig);
  const at = (name: string, server: string): Promise<string> => kubeconfigOf(cluster, name, server);
  const taken = await silentServer(t, { host });
  const port = await kubeletPort(cluster);

  await endInOneLine(t, {
    ...{ prefix, run },
    calls: [
      call(
        'a port in use',
        /--listen: cannot listen on \S+ \(EADDRINUSE\): another program/,
        '--listen',
        `${host}:8443`,
      ),
      call(
        'an address of another machine',
        /--listen: .* give an address of this machine/,
        '--listen',
        '203.0.113.1:8443',
      ),
      call(
        'kubelet ports in use',
        /--kubelet-ports: all ports from (\d+) to \1 .* are taken/,
        '--kubelet-ports',
        `${taken}-${taken}`,
      ),
      call(
        'no kubelet address',
        /--kubelet-listen: .* give an address of this machine/,
        '--kubelet-listen',
        '203.0.113.1',
      ),
      call('no client CA', /--kubelet-client-ca: .*ENOENT/, '--kubelet-client-ca', '/nowhere'),
      call(
        'a client CA that is none',
        /--kubelet-client-ca: .* no certificates/,
        '--kubelet-client-ca',
        programs.provider,
      ),
      call('a flag that is none', /unknown option '--foo'; see towline-provider --help/, '--foo'),
      call('a word too many', /too many arguments.*--help/, 'foo'),
      call(
        'a listen address that is none',
        /--listen: "here" is not host:port/,
        '--listen',
        'here',
      ),
      call(
        'ports that are none',
        /--kubelet-ports: "9-8" is not a range/,
        '--kubelet-ports',
        '9-8',
      ),
      call(
        'a grace that is none',
        /--disconnect-grace: "soon" is not a duration/,
        '--disconnect-grace',
        'soon',
      ),
      call(
        'a public address that is none',
        /--public-address: "x" is not/,
        '--public-address',
        'x',
      ),
      call(
        'a node address that is none',
        /--node-address: "x" is not an IP/,
        '--node-address',
        'x',
      ),
      call('a namespace that is none', /--namespace: "a b" cannot be/, '--namespace', 'a b'),
      call('no such level', /--log-level: "loud" is none of/, '--log-level', 'loud'),
      withConfig('no kubeconfig', /cannot read \/nowhere: ENOENT.*--kubeconfig/, '/nowhere'),
      withConfig(
        'a broken kubeconfig',
        /cannot read .*--kubeconfig/,
        await brokenKubeconfig(cluster),
      ),
      withConfig(
        'no rights',
        /may not get sites, .* things more: apply manifests\/rbac\.yaml/,
        await plane.kubeconfigFor('nobody'),
      ),
      withConfig(
        'nobody that is known',
        /turns the provider away: .*Unauthorized; check the cred/,
        await plane.kubeconfigForToken('stranger', 'guess'),
      ),
      withConfig(
        'a closed API server',
        /does not answer: .*ECONNREFUSED.*; check the kubeconfig/,
        await at('closed', `https://${host}:${await closedPort(host)}`),
      ),
      withConfig(
        'another CA',
        /shows a certificate that the kubeconfig does not vouch for/,
        await at('other', `https://${host}:8443`),
      ),
      withConfig(
        'plain HTTP',
        /towline-provider: .*/,
        await at('http', `http://${host}:${await plainHttpServer(t, { host })}`),
      ),
      {
        ...withConfig(
          'a silent API server',
          /does not answer within 10 s: check/,
          await at('silent', `https://${host}:${taken}`),
        ),
        progress: /^\{[^\n]*waiting for the API server[^\n]*\n$/,
        slow: true,
      },
    ],
  });
  t.equal(await kubeletPort(cluster), port, `the node of ${site.name} is where it was`);
  t.ok(cluster.towline.provider.isRunning(), 'the provider that serves has felt nothing');
}

/** A provider and towlinectl on a cluster that doesn't know Sites; ends the cluster's use for others. */
export async function withoutCrd(t: Test, cluster: Cluster): Promise<void> {
  const { lab, plane } = cluster;
  const host = lab.hostAddress;
  await cluster.towline.stopProvider();
  const sites = await cluster.kubectl('get', 'sites', '-o', 'name');
  for (const site of sites.trim().split('\n')) {
    const [, name = ''] = site.split('/');
    await cluster.towline.towlinectl('site', 'delete', name, '-n', cluster.namespace, '--force');
  }
  await cluster.kubectl('delete', 'crd', 'sites.towline.dev', '--wait=false');
  await cluster.kubectl('wait', '--for=delete', 'crd/sites.towline.dev', '--timeout=60s');
  await endInOneLine(t, {
    ...{ prefix, run },
    calls: [
      {
        name: 'a provider without the CRD',
        says: /has no resource sites\.towline\.dev\/v1alpha1: apply manifests\/crd\.yaml/,
        args: [
          ...['--kubeconfig', plane.adminKubeconfig, '--listen', `${host}:0`],
          ...['--node-address', host, '--kubelet-listen', host, '--kubelet-ports', '0'],
        ],
      },
    ],
  });
  await endInOneLine(t, {
    prefix: 'towlinectl',
    run: onHost(programs.towlinectl),
    calls: ['list', 'create x', 'delete x', 'token x'].map((words) => ({
      name: `towlinectl site ${words} without the CRD`,
      says: /no sites\.towline\.dev: install Towline with "kubectl apply -f manifests\/"/,
      args: ['site', ...words.split(' '), '--kubeconfig', plane.adminKubeconfig],
    })),
  });
}

async function kubeletPort(cluster: Cluster): Promise<string> {
  const path = '-o=jsonpath={.status.daemonEndpoints.kubeletEndpoint.Port}';
  return cluster.kubectl('get', 'node', cluster.site.nodeName, path);
}
