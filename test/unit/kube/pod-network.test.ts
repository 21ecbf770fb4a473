import t from 'tap';
import { parseResolvConf, podDns, type DnsConfig } from '../../../src/kube/dns.ts';
import { kernelHostname, podHostname } from '../../../src/kube/hostname.ts';
import { hostsFileContent } from '../../../src/kube/hosts-file.ts';
import { pod } from './pods.ts';

const loopback = `127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
`;

void t.test('a pod’s name for itself', (t) => {
  t.same(podHostname(pod(), 'cluster.local'), { hostname: 'web', domain: '' });
  t.same(podHostname(pod({ hostname: 'db-0', subdomain: 'db' }), 'cluster.local'), {
    hostname: 'db-0',
    domain: 'db.shop.svc.cluster.local',
  });
  const name = `${'x'.repeat(61)}-.y`;
  t.equal(podHostname(pod({}, { name }), 'c').hostname, 'x'.repeat(61));
  t.end();
});

void t.test('the name that the kernel is given', (t) => {
  const domain = 'cluster.local';
  const spec = { hostname: 'db-0', subdomain: 'db' };
  t.equal(kernelHostname(pod(spec), domain), 'db-0');
  const full = pod({ ...spec, setHostnameAsFQDN: true });
  t.equal(kernelHostname(full, domain), 'db-0.db.shop.svc.cluster.local');
  t.equal(kernelHostname(pod({ setHostnameAsFQDN: true }), domain), 'web');
  t.equal(
    kernelHostname(pod({ ...spec, hostnameOverride: 'other.example' }), domain),
    'other.example',
  );
  t.throws(() => kernelHostname(full, 'x'.repeat(50)), {
    code: 'CONFIG_ERROR',
    message: /is too long \(64 characters is the max, 67 characters requested\)/,
  });
  t.end();
});

void t.test('the hosts file of a pod', (t) => {
  const names = { podIPs: ['10.1.0.5', 'fd00::5'], hostname: 'web', domain: '' };
  t.equal(
    hostsFileContent(names),
    `# Kubernetes-managed hosts file.\n${loopback}10.1.0.5\tweb\nfd00::5\tweb\n`,
  );
  t.equal(
    hostsFileContent({
      ...names,
      podIPs: ['10.1.0.5'],
      domain: 'db.shop.svc.cluster.local',
      hostAliases: [{ ip: '192.0.2.9', hostnames: ['a.example', 'b.example'] }],
    }),
    `# Kubernetes-managed hosts file.\n${loopback}10.1.0.5\tweb.db.shop.svc.cluster.local\tweb\n\n# Entries added by HostAliases.\n192.0.2.9\ta.example\tb.example\n`,
  );
  t.equal(
    hostsFileContent({ ...names, nodeHostsFile: '127.0.0.1 localhost\n' }),
    '# Kubernetes-managed hosts file (host network).\n127.0.0.1 localhost\n',
  );
  t.end();
});

const cluster = { servers: [], domain: 'cluster.local' };

const resolvConf = `# made by hand
nameserver 192.0.2.53
nameserver 192.0.2.54 # spare
search old.example
search site.example
options ndots:2 timeout:1
`;

const podDnsConfig = (...given: Parameters<typeof podDns>): DnsConfig => podDns(...given).config;

void t.test('a resolv.conf is read as the resolver does', (t) => {
  t.same(parseResolvConf(resolvConf), {
    servers: ['192.0.2.53', '192.0.2.54'],
    searches: ['site.example'],
    options: ['ndots:2', 'timeout:1'],
  });
  t.same(parseResolvConf(''), { servers: [], searches: [], options: [] });
  t.end();
});

void t.test('a pod’s DNS is the device’s, with its own settings added', (t) => {
  const dnsConfig = {
    nameservers: ['192.0.2.54', '192.0.2.55', '192.0.2.56'],
    searches: ['more.example'],
    options: [{ name: 'ndots', value: '5' }, { name: 'rotate' }],
  };
  t.same(podDnsConfig(pod({ dnsPolicy: 'ClusterFirst', dnsConfig }), resolvConf, cluster), {
    servers: ['192.0.2.53', '192.0.2.54', '192.0.2.55'],
    searches: ['site.example', 'more.example'],
    options: ['ndots:5', 'timeout:1', 'rotate'],
  });
  t.same(podDnsConfig(pod({ dnsPolicy: 'None', dnsConfig }), resolvConf, cluster), {
    servers: ['192.0.2.54', '192.0.2.55', '192.0.2.56'],
    searches: ['more.example'],
    options: ['ndots:5', 'rotate'],
  });
  const searches = Array.from({ length: 40 }, (_, i) => `${i}.${'x'.repeat(90)}.example`);
  const many = podDnsConfig(
    pod({ dnsPolicy: 'None', dnsConfig: { searches } }),
    resolvConf,
    cluster,
  );
  t.ok(many.searches.length > 1 && many.searches.join(' ').length <= 2048);
  const long = 'x'.repeat(254);
  const none = { dnsPolicy: 'None', dnsConfig: { searches: [long, 'short.example'] } };
  t.same(podDns(pod(none), resolvConf, cluster), {
    config: { servers: [], searches: ['short.example'], options: [] },
    warnings: [
      'Search Line limits were exceeded, some search paths have been omitted, the applied search line is: short.example',
    ],
  });
  t.same(podDns(pod({ dnsPolicy: 'ClusterFirst', dnsConfig }), resolvConf, cluster).warnings, [
    'Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: 192.0.2.53 192.0.2.54 192.0.2.55',
  ]);
  t.end();
});

void t.test('the cluster’s DNS, for whoever wants it first', (t) => {
  const reachable = { servers: ['10.96.0.10'], domain: 'cluster.local' };
  const servers = (spec: Parameters<typeof pod>[0]): string[] =>
    podDnsConfig(pod(spec), resolvConf, reachable).servers;
  t.same(podDnsConfig(pod({ dnsPolicy: 'ClusterFirst' }), resolvConf, reachable), {
    servers: ['10.96.0.10'],
    searches: ['shop.svc.cluster.local', 'svc.cluster.local', 'cluster.local', 'site.example'],
    options: ['ndots:5'],
  });
  const host = ['192.0.2.53', '192.0.2.54'];
  t.same(servers({ dnsPolicy: 'ClusterFirst', hostNetwork: true }), host);
  t.same(servers({ dnsPolicy: 'ClusterFirstWithHostNet', hostNetwork: true }), ['10.96.0.10']);
  t.same(servers({ dnsPolicy: 'Default' }), host);
  t.same(servers({ dnsPolicy: 'None' }), []);
  t.end();
});
