import { writeFile } from 'node:fs/promises';
import { stringify } from 'yaml';
import type { KeyAndCertificate } from './certificates.ts';

/** Who a kubeconfig's user is: a client certificate, or a bearer token. */
export type KubeconfigUser = KeyAndCertificate | { readonly token: string };

/** The parts of a kubeconfig with one cluster, one user and one context. */
export interface KubeconfigOptions {
  readonly server: string;
  readonly authorityPem: string;
  readonly userName: string;
  readonly user: KubeconfigUser;
}

/** Writes a kubeconfig with everything embedded, readable by its owner alone, and gives its path. */
export async function writeKubeconfig(path: string, options: KubeconfigOptions): Promise<string> {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'lab',
        cluster: {
          server: options.server,
          'certificate-authority-data': base64(options.authorityPem),
        },
      },
    ],
    users: [{ name: options.userName, user: credentials(options.user) }],
    contexts: [{ name: 'lab', context: { cluster: 'lab', user: options.userName } }],
    'current-context': 'lab',
  };
  await writeFile(path, stringify(config), { mode: 0o600 });
  return path;
}

function credentials(user: KubeconfigUser): Record<string, string> {
  if ('token' in user) {
    return { token: user.token };
  }
  return {
    'client-certificate-data': base64(user.certificatePem),
    'client-key-data': base64(user.keyPem),
  };
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
