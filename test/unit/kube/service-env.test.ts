import t from 'tap';
import { serviceVariables } from '../../../src/kube/service-env.ts';

void t.test('variables of a Service with two ports', (t) => {
  const ports = [
    { name: 'http', port: 80 },
    { name: 'dns-udp', port: 53, protocol: 'UDP' },
  ];
  t.same(serviceVariables([{ name: 'my-web', clusterIP: '10.0.0.11', ports }]), {
    MY_WEB_SERVICE_HOST: '10.0.0.11',
    MY_WEB_SERVICE_PORT: '80',
    MY_WEB_SERVICE_PORT_HTTP: '80',
    MY_WEB_SERVICE_PORT_DNS_UDP: '53',
    MY_WEB_PORT: 'tcp://10.0.0.11:80',
    MY_WEB_PORT_80_TCP: 'tcp://10.0.0.11:80',
    MY_WEB_PORT_80_TCP_PROTO: 'tcp',
    MY_WEB_PORT_80_TCP_PORT: '80',
    MY_WEB_PORT_80_TCP_ADDR: '10.0.0.11',
    MY_WEB_PORT_53_UDP: 'udp://10.0.0.11:53',
    MY_WEB_PORT_53_UDP_PROTO: 'udp',
    MY_WEB_PORT_53_UDP_PORT: '53',
    MY_WEB_PORT_53_UDP_ADDR: '10.0.0.11',
  });
  t.match(serviceVariables([{ name: 'six', clusterIP: 'fd00::1', ports: [{ port: 1 }] }]), {
    SIX_PORT: 'tcp://[fd00::1]:1',
  });
  t.same(serviceVariables([]), {});
  t.end();
});
