import t from 'tap';
import { cniSettingsIn } from '../../../../src/edge-runner/network/cni-settings.ts';
import { cniConfig } from '../../../../src/edge-runner/network/cni-config.ts';

void t.test('folders as containerd says them, in every form that it has had', (t) => {
  const of = (cni: object) => cniSettingsIn(JSON.stringify({ cni }));
  t.same(of({ binDir: '/usr/lib/cni', confDir: '/etc/cni/net.d' }), {
    configDir: '/etc/cni/net.d',
    pluginDirs: ['/usr/lib/cni'],
  });
  t.same(of({ binDir: '', binDirs: ['/a', '/b'], confDir: '/c' }), {
    configDir: '/c',
    pluginDirs: ['/a', '/b'],
  });
  for (const unreadable of [undefined, '', '[', '{}', '{"cni":7}']) {
    t.same(cniSettingsIn(unreadable), {
      configDir: '/etc/cni/net.d',
      pluginDirs: ['/opt/cni/bin', '/usr/lib/cni'],
    });
  }
  t.end();
});

void t.test('a configuration has a route for each family', (t) => {
  const network = { cidrs: ['10.1.0.0/24', 'fd00::/64'], addressDir: '/run/a' };
  t.match(cniConfig(network), {
    plugins: [
      { type: 'bridge', ipam: { routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }] } },
      { type: 'portmap' },
    ],
  });
  t.end();
});
