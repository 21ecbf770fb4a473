import type { Test } from 'tap';
import type { Cluster } from '../cluster.ts';
import { brokenKubeconfig, kubeconfigOf } from './kubeconfigs.ts';
import { endInOneLine, onHost, programs, type BadCall } from './one-line.ts';
import { closedPort, plainHttpServer, silentServer } from './silent-server.ts';

/** towlinectl with what is wrong. */
export async function asking(t: Test, cluster: Cluster): Promise<void> {
  const { namespace, plane, lab } = cluster;
  const host = lab.hostAddress;
  const call = (name: string, words: string, says: RegExp, ...more: string[]): BadCall => ({
    ...{ name, says },
    args: ['site', ...words.split(' '), ...more],
    env: { KUBECONFIG: plane.adminKubeconfig },
  });
  const on = (name: string, says: RegExp, kubeconfig: string): BadCall => ({
    ...call(name, `list -n ${namespace}`, says),
    env: { KUBECONFIG: kubeconfig, HOME: '/nowhere' },
  });
  const at = (name: string, server: string): Promise<string> => kubeconfigOf(cluster, name, server);
  const here = `-n ${namespace}`;
  const create = (name: string, says: RegExp, ...flags: string[]): BadCall =>
    call(name, `create x ${here}`, says, ...flags);
  const nobody = { KUBECONFIG: await plane.kubeconfigFor('nobody') };

  await endInOneLine(t, {
    prefix: 'towlinectl',
    run: onHost(programs.towlinectl),
    calls: [
      call(
        'no such namespace',
        'create x -n nowhere',
        /no namespace nowhere: make it with "kubectl/,
      ),
      call(
        'a site that is there',
        `create berlin ${here}`,
        /exists already; "towlinectl site token"/,
      ),
      call(
        'no such site to delete',
        `delete none ${here}`,
        /cannot delete site \S+\/none: there is none/,
      ),
      call(
        'no such site to join',
        `token none ${here}`,
        /cannot read site \S+\/none: there is none/,
      ),
      call(
        'a name no site can have',
        `create Berlin ${here}`,
        /"Berlin" cannot be the name of a site/,
      ),
      call(
        'a namespace none can have',
        'create x -n A_B',
        /"A_B" cannot be the name of a namespace/,
      ),
      create('no label', /"a" is not a label: give --node-label KEY=VALUE/, '--node-label', 'a'),
      create(
        'a key no label can have',
        /--node-label: "a b" cannot be a key/,
        '--node-label',
        'a b=c',
      ),
      create(
        'a value no label can have',
        /"b c" cannot be the value of a/,
        '--node-label',
        'a=b c',
      ),
      create('no taint', /"a" is not a taint: give --taint KEY=VALUE:EFFECT/, '--taint', 'a'),
      create('a time that is none', /--token-ttl: "soon" is not a duration/, '--token-ttl', 'soon'),
      create('no such format', /no output format "xml": choose/, '-o', 'xml'),
      create(
        'no provider',
        /it publishes that in ConfigMap other\/towline-provider, and it does not/,
        '--provider-namespace',
        'other',
      ),
      create(
        'an address of no provider',
        /--provider-address: "x" is not/,
        '--provider-address',
        'x',
      ),
      create('a hash that is none', /--ca-hash: give sha256:/, '--ca-hash', 'x'),
      {
        ...create(
          'no rights to create',
          /cannot create site .* is forbidden: .*towline-site-admin/,
        ),
        env: nobody,
      },
      {
        ...call('no rights to look', 'list -A', /is forbidden: .*towline-site-viewer/),
        env: nobody,
      },
      on('no kubeconfig', /the kubeconfig cannot be read: ENOENT.*--kubeconfig/, '/nowhere/config'),
      on('a broken kubeconfig', /the kubeconfig cannot be read: /, await brokenKubeconfig(cluster)),
      on(
        'an unknown user',
        /does not know you: check the user in your kubeconfig/,
        await plane.kubeconfigForToken('unknown', 'guess'),
      ),
      on(
        'a closed API server',
        /does not answer \(ECONNREFUSED\): check/,
        await at('gone', `https://${host}:${await closedPort(host)}`),
      ),
      on(
        'another CA',
        /certificate that your kubeconfig does not vouch for/,
        await at('foreign', `https://${host}:8443`),
      ),
      on(
        'plain HTTP',
        /cannot be asked \(.*check its address/,
        await at('plain', `http://${host}:${await plainHttpServer(t, { host })}`),
      ),
      {
        ...on(
          'a silent API server',
          /does not answer within 10 s: check/,
          await at('mute', `https://${host}:${await silentServer(t, { host })}`),
        ),
        slow: true,
      },
      call(
        'no such context',
        'list',
        /no context "none": choose one with --context/,
        '--context',
        'none',
      ),
      call('no such command', 'lst', /unknown command 'lst' .*; see towlinectl --help/),
      call('no name', 'create', /missing required argument 'name'; see towlinectl --help/),
      call('a flag that is none', 'list', /unknown option '--foo'; see towlinectl --help/, '--foo'),
    ],
  });
  t.equal(
    (await cluster.kubectl('get', 'sites', '-o', 'name')).includes('/x'),
    false,
    'nothing was made',
  );
}
