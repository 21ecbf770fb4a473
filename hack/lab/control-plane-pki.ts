import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  createAuthority,
  createTokenKeys,
  type Authority,
  type KeyAndCertificate,
} from './certificates.ts';
import { pkiFiles } from './control-plane-flags.ts';

/** The authorities that a running control plane needs at hand, and who asks on its behalf. */
export interface ControlPlanePki {
  readonly serving: Authority;
  readonly clients: Authority;
  readonly admin: KeyAndCertificate;
}

/**
 * Makes all keys and certificates of a control plane in `dir`/pki. The layout is kubeadm's in small:
 * one CA for serving, one for clients, one for the front proxy.
 */
export async function writePki(planeDir: string, host: string): Promise<ControlPlanePki> {
  const dir = join(planeDir, 'pki');
  const [serving, clients, frontProxy] = await Promise.all([
    createAuthority(join(dir, 'serving-ca'), 'lab serving CA'),
    createAuthority(join(dir, 'client-ca'), 'lab client CA'),
    createAuthority(join(dir, 'front-proxy-ca'), 'lab front proxy CA'),
  ]);
  const [server, kubeletClient, frontProxyClient, admin] = await Promise.all([
    serving.issue({
      commonName: 'kube-apiserver',
      usage: 'server',
      dnsNames: ['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'],
      ipAddresses: [host, '127.0.0.1', '10.96.0.1'],
    }),
    clients.issue({
      commonName: 'kube-apiserver-kubelet-client',
      organizations: ['system:masters'],
      usage: 'client',
    }),
    frontProxy.issue({ commonName: 'front-proxy-client', usage: 'client' }),
    clients.issue({ commonName: 'admin', organizations: ['system:masters'], usage: 'client' }),
  ]);
  const pairs = {
    [pkiFiles.serving]: server,
    [pkiFiles.kubeletClient]: kubeletClient,
    [pkiFiles.frontProxyClient]: frontProxyClient,
  };
  for (const [name, pair] of Object.entries(pairs)) {
    await writeFile(join(dir, `${name}.crt`), pair.certificatePem);
    await writeFile(join(dir, `${name}.key`), pair.keyPem, { mode: 0o600 });
  }
  const token = createTokenKeys();
  await writeFile(join(dir, pkiFiles.tokenKey), token.privatePem, { mode: 0o600 });
  await writeFile(join(dir, pkiFiles.tokenPublicKey), token.publicPem);
  return { serving, clients, admin };
}
