import { generateKeyPairSync } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runChecked } from './command.ts';
import { LabError } from './lab-error.ts';

/** A private key (PKCS #8) and its certificate, both PEM. */
export interface KeyAndCertificate {
  readonly keyPem: string;
  readonly certificatePem: string;
}

/** What a certificate says: subject, the names it serves under, and which side of TLS it may be. */
export interface CertificateRequest {
  readonly commonName: string;
  /** The groups of a Kubernetes user. */
  readonly organizations?: readonly string[];
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
  readonly usage: 'client' | 'server';
}

/** A certificate authority whose key and certificate are `ca.key` and `ca.crt` in `dir`. */
export interface Authority extends KeyAndCertificate {
  readonly keyFile: string;
  readonly certificateFile: string;
  issue(request: CertificateRequest): Promise<KeyAndCertificate>;
}

const validDays = 30;

/**
 * Makes an authority of its own in a new folder `dir`; what it signs is valid for 30 days, and nothing
 * renews it. The work is done by the openssl program, which ca-certificates brings to every Debian.
 *
 * @throws LabError `not-found`, `command-failed`.
 */
export async function createAuthority(dir: string, commonName: string): Promise<Authority> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const pair = await makeCertificate(
    dir,
    { commonName },
    ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign,digitalSignature'],
    [],
  );
  const keyFile = join(dir, 'ca.key');
  const certificateFile = join(dir, 'ca.crt');
  await writeFile(keyFile, pair.keyPem, { mode: 0o600 });
  await writeFile(certificateFile, pair.certificatePem);
  return {
    ...pair,
    keyFile,
    certificateFile,
    issue: (request) =>
      makeCertificate(dir, request, extensions(request), [
        '-CA',
        certificateFile,
        '-CAkey',
        keyFile,
      ]),
  };
}

/** A key pair that signs service-account tokens, both PEM. */
export function createTokenKeys(): { readonly privatePem: string; readonly publicPem: string } {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  return { privatePem: privateKey, publicPem: publicKey };
}

async function makeCertificate(
  dir: string,
  subject: { readonly commonName: string; readonly organizations?: readonly string[] },
  extensionLines: readonly string[],
  signer: readonly string[],
): Promise<KeyAndCertificate> {
  const work = await mkdtemp(join(dir, 'request-'));
  try {
    const config = join(work, 'request.cnf');
    const key = join(work, 'key.pem');
    const certificate = join(work, 'certificate.pem');
    await writeFile(config, requestConfig(subject, extensionLines));
    await runChecked('openssl', [
      ...['req', '-x509', '-new', '-config', config, '-days', String(validDays), '-sha256'],
      ...['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
      ...['-keyout', key, '-out', certificate],
      ...signer,
    ]);
    return {
      keyPem: await readFile(key, 'utf8'),
      certificatePem: await readFile(certificate, 'utf8'),
    };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function extensions(request: CertificateRequest): string[] {
  const names = [
    ...(request.dnsNames ?? []).map((name) => `DNS:${name}`),
    ...(request.ipAddresses ?? []).map((address) => `IP:${address}`),
  ];
  return [
    'basicConstraints=critical,CA:FALSE',
    'keyUsage=critical,digitalSignature',
    `extendedKeyUsage=${request.usage}Auth`,
    ...(names.length === 0 ? [] : [`subjectAltName=${names.join(',')}`]),
  ];
}

function requestConfig(
  subject: { readonly commonName: string; readonly organizations?: readonly string[] },
  extensionLines: readonly string[],
): string {
  const organizations = (subject.organizations ?? []).map(
    (name, index) => `${index}.O=${plain(name)}`,
  );
  return [
    '[req]',
    'prompt=no',
    'utf8=yes',
    'string_mask=utf8only',
    'distinguished_name=subject',
    'x509_extensions=extensions',
    '[subject]',
    ...organizations,
    `CN=${plain(subject.commonName)}`,
    '[extensions]',
    'subjectKeyIdentifier=hash',
    ...extensionLines,
    '',
  ].join('\n');
}

/** OpenSSL's configuration gives `$`, `#`, `\` and quotes a meaning; users of the lab need none of them. */
function plain(name: string): string {
  if (!/^[\w.:@ /-]+$/.test(name)) {
    throw new LabError('bad-answer', `${JSON.stringify(name)} cannot be the name of a lab user`);
  }
  return name;
}
