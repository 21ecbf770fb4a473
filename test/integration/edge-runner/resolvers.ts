import { readFile } from 'node:fs/promises';
import type { Test } from 'tap';
import type { PodSpec } from '../../../src/kube/api.ts';
import { parseResolvConf } from '../../../src/kube/dns.ts';
import { asDesired, makePod } from './engine.ts';
import { scripted, type PodScene } from './pod-scene.ts';

/** What is in the files by which a pod finds others, and itself. */
export async function resolvers(t: Test, scene: PodScene): Promise<void> {
  await t.test('each DNS policy', (t) => policies(t, scene));
  await t.test('more servers and folders than a resolver takes', (t) => tooMany(t, scene));
  await t.test('the hosts of the device, and more', (t) => hostsOfDevice(t, scene));
  await t.test('a name of one’s own', (t) => ownName(t, scene));
}

async function policies(t: Test, scene: PodScene): Promise<void> {
  const host = parseResolvConf(await readFile('/etc/resolv.conf', 'utf8'));
  const cluster = ['10.96.0.10'];
  const expected: [name: string, spec: Partial<PodSpec>, servers: string[]][] = [
    ['default', { dnsPolicy: 'Default' }, host.servers.slice(0, 3)],
    ['host-network', { dnsPolicy: 'ClusterFirst', hostNetwork: true }, host.servers.slice(0, 3)],
    ['both', { dnsPolicy: 'ClusterFirstWithHostNet', hostNetwork: true }, cluster],
    ['none', { dnsPolicy: 'None', dnsConfig: { nameservers: ['192.0.2.1'] } }, ['192.0.2.1']],
  ];
  for (const [name, spec, servers] of expected) {
    const { output } = await scene.run(`dns-${name}`, scripted('cat /etc/resolv.conf'), spec);
    t.same(parseResolvConf(output).servers, servers, name);
  }
}

async function tooMany(t: Test, scene: PodScene): Promise<void> {
  const four = ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4'];
  const searches = Array.from({ length: 33 }, (_, place) => `s${place}`);
  const dnsConfig = { nameservers: four, searches };
  const pod = makePod('dns-many', {
    ...{ dnsPolicy: 'None', dnsConfig, restartPolicy: 'Never' },
    containers: [scripted('cat /etc/resolv.conf')],
  });
  scene.engine.put(asDesired('Pod', pod));
  t.match(await scene.untilOver(pod), { phase: 'Succeeded' });
  const shown = parseResolvConf(await scene.outputOf(pod));
  const [servers, folders] = [four.slice(0, 3), searches.slice(0, 32)];
  t.match(shown, { servers, searches: folders });
  const says = (words: string): RegExp => new RegExp(`${words.replaceAll('.', '\\.')}$`);
  for (const line of [
    `some nameservers have been omitted, the applied nameserver line is: ${servers.join(' ')}`,
    `some search paths have been omitted, the applied search line is: ${folders.join(' ')}`,
  ]) {
    t.match(await scene.untilEvent(pod, 'DNSConfigForming', says(line)), { type: 'Warning' });
  }
  scene.engine.remove(pod);
}

async function hostsOfDevice(t: Test, scene: PodScene): Promise<void> {
  const spec: Partial<PodSpec> = {
    hostNetwork: true,
    hostAliases: [{ ip: '192.0.2.9', hostnames: ['one.example'] }],
  };
  const { output } = await scene.run('hosts', scripted('cat /etc/hosts'), spec);
  t.equal(
    output,
    `# Kubernetes-managed hosts file (host network).\n${await readFile('/etc/hosts', 'utf8')}
# Entries added by HostAliases.
192.0.2.9\tone.example
`,
  );
}

async function ownName(t: Test, scene: PodScene): Promise<void> {
  const script = scripted('hostname; tail -n 1 /etc/hosts');
  const override = `${'o'.repeat(60)}.x-y`;
  const named = await scene.run('named-anew', script, { hostnameOverride: override });
  const cut = `${'o'.repeat(60)}.x`;
  t.match(named.output, new RegExp(`^${cut}\n[\\d.]+\t${cut}\n$`), 'cut to 63 characters');
  const long = 'p'.repeat(70);
  const { output } = await scene.run(long, script);
  t.match(output, new RegExp(`^p{63}\n[\\d.]+\tp{63}\n$`));
}
