import { join } from 'node:path';
import type { Test } from 'tap';
import type { Device } from '../../../hack/lab/device.ts';
import type { Cluster } from '../cluster.ts';
import { endInOneLine, onDevice, onHost, programs, type BadCall } from './one-line.ts';
import { closedPort, plainHttpServer, silentServer } from './silent-server.ts';

const prefix = 'towline-runner join';
const otherHash = `sha256:${'0'.repeat(64)}`;

/** Joining with what is wrong, on a device that has not joined. */
export async function joining(t: Test, cluster: Cluster, device: Device): Promise<void> {
  const { namespace, site } = cluster;
  const [, url = ''] = /(wss:\S+)/.exec(site.joinLine) ?? [];
  const [, caHash = ''] = /--ca-hash (\S+)/.exec(site.joinLine) ?? [];
  const used = /--token (\S+)/.exec(site.joinLine)?.[1] ?? '';
  const stateDir = join(device.dir, 'never-joined');
  const call = (
    name: string,
    changes: { url?: string; site?: string; token?: string; caHash?: string; dir?: string },
    says: RegExp,
  ): BadCall => ({
    ...{ name, says },
    args: [
      ...['join', changes.url ?? url, '--site', changes.site ?? `${namespace}/berlin`],
      ...['--token', changes.token ?? 'guess', '--ca-hash', changes.caHash ?? caHash],
      ...['--state-dir', changes.dir ?? stateDir],
    ],
  });
  const renew = new RegExp(`"towlinectl site token \\S+ -n ${namespace}"`);
  const host = device.hostAddress;
  const at = (port: number): { url: string } => ({ url: `wss://${host}:${port}` });
  const expired = await expiredToken(cluster);

  await endInOneLine(t, {
    prefix,
    run: onDevice(device, programs.runner),
    calls: [
      call('a wrong token', {}, renew),
      call('a used token', { token: used }, /used before.*works only once.*"towlinectl site token/),
      call(
        'an expired token',
        { token: expired, site: `${namespace}/late` },
        /has expired.*get a new/,
      ),
      call('no such site', { site: `${namespace}/nowhere` }, /there is no such site/),
      call(
        'no such port',
        at(await closedPort(host)),
        /connection refused; is the provider running/,
      ),
      call(
        'plain HTTP',
        at(await plainHttpServer(t, { host })),
        /does not answer as a Towline provider/,
      ),
      call(
        'another CA',
        { caHash: otherHash },
        /not from the provider of this join line.*nothing was/,
      ),
      call('an address of no provider', { url: 'http://x' }, /give it as in wss:\/\//),
      call('a site without tenant', { site: 'berlin' }, /--site as TENANT\/NAME/),
      call('a name no site can have', { site: `${namespace}/Berlin` }, /"Berlin" is no name/),
      call('a hash that is none', { caHash: 'abc' }, /sha256: and 64 hexadecimal digits/),
      call('a file for a folder', { dir: programs.runner }, /state directory .* cannot be used/),
      call(
        'a folder nobody can make',
        { dir: '/proc/towline' },
        /state directory .* cannot be used/,
      ),
      {
        name: 'a flag that is none',
        args: ['join', url, '--foo'],
        says: /Unknown option '--foo'.*--help/,
      },
      {
        ...call('silence', at(await silentServer(t, { host })), noAnswer),
        ...patience,
      },
      { name: 'nothing', args: ['join'], says: /give one ADDRESS.*--help/ },
    ],
  });
  await endInOneLine(t, {
    prefix,
    run: onHost(programs.runner),
    calls: [
      call(
        'somebody else with TLS',
        { url: cluster.plane.server.replace('https', 'wss') },
        /nothing was sent/,
      ),
      call(
        'joining twice',
        { dir: join(site.device.dir, 'towline') },
        /has joined a site before.*--force/,
      ),
    ],
  });
  await device.blackhole();
  await endInOneLine(t, {
    prefix,
    run: onDevice(device, programs.runner),
    calls: [{ ...call('a black hole', {}, noAnswer), ...patience }],
  });
  await device.unblackhole();
}

const noAnswer = /does not answer at \S+ within 10 s: check/;
const patience = { slow: true, progress: /^waiting for the provider at \S+ \.\.\.\n$/ } as const;

/** The token of site `late`, whose time is over. */
async function expiredToken(cluster: Cluster): Promise<string> {
  const { towline, namespace } = cluster;
  const line = await towline.towlinectl('site', 'create', 'late', '-n', namespace);
  const patch = { spec: { join: { expiresAt: '2020-01-01T00:00:00Z' } } };
  await cluster.kubectl('patch', 'site', 'late', '--type=merge', '-p', JSON.stringify(patch));
  return /--token (\S+)/.exec(line)?.[1] ?? '';
}
