import t from 'tap';
import type { PodSpec } from '../../../src/kube/api.ts';
import { forbiddenSysctl, sysctlsOf } from '../../../src/kube/sysctls.ts';

function spec(name: string, more: Partial<PodSpec> = {}): PodSpec {
  return { containers: [], securityContext: { sysctls: [{ name, value: '1' }] }, ...more };
}

void t.test('safe sysctls are let through, others only where the device allows them', (t) => {
  t.equal(forbiddenSysctl(spec('kernel.shm_rmid_forced')), undefined);
  t.equal(forbiddenSysctl(spec('net.core.somaxconn'), ['net.core.*']), undefined);
  t.equal(forbiddenSysctl(spec('kernel.msgmax'), ['kernel.msgmax']), undefined);
  t.equal(
    forbiddenSysctl(spec('net.core.somaxconn')),
    'forbidden sysctl: "net.core.somaxconn" not allowlisted',
  );
  t.equal(
    forbiddenSysctl(spec('vm.swappiness'), ['vm.*']),
    'forbidden sysctl: "vm.swappiness" not allowlisted',
    'what isn’t a pod’s own is nobody’s to set',
  );
  t.end();
});

void t.test('a pod in the host’s namespace may not set what belongs to it', (t) => {
  t.equal(
    forbiddenSysctl(spec('net.ipv4.tcp_syncookies', { hostNetwork: true })),
    'forbidden sysctl: "net.ipv4.tcp_syncookies" not allowed with host Net enabled',
  );
  t.equal(
    forbiddenSysctl(spec('kernel.shm_rmid_forced', { hostIPC: true })),
    'forbidden sysctl: "kernel.shm_rmid_forced" not allowed with host IPC enabled',
  );
  t.end();
});

void t.test('names with slashes are the kernel’s names', (t) => {
  t.equal(forbiddenSysctl(spec('net/ipv4/tcp_syncookies')), undefined);
  t.same(sysctlsOf(spec('net/ipv4/conf/eth0.1/forwarding')), {
    'net.ipv4.conf.eth0/1.forwarding': '1',
  });
  t.end();
});
