import {
  createPrivateKey,
  generateKeyPairSync,
  X509Certificate,
  type KeyObject,
} from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import {
  BasicConstraints,
  ExtendedKeyUsage,
  Extension,
  GeneralName,
  KeyUsage,
  KeyUsageFlags,
  SubjectAlternativeName,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectAltName,
  id_kp_clientAuth,
  id_kp_serverAuth,
} from '@peculiar/asn1-x509';
import { signCertificate } from '../../../src/provider/pki/certificate.ts';
import type { SvidPems } from '../../../src/tunnel/svid.ts';

/** What is odd about an SVID, apart from a DNS name. */
interface SvidOptions {
  dnsName?: string;
  lifetimeMs?: number;
  otherUris?: string[];
  purposes?: string[];
  isCa?: boolean;
  by?: Issuer;
}

interface Issuer {
  name: { organization: string; commonName: string };
  key: KeyObject;
  certificate: X509Certificate;
}

/** A SPIFFE authority as SPIRE is one: a root, and an intermediate that signs SVIDs for short times. */
export class SpiffeAuthority {
  readonly #root: Issuer;
  readonly #intermediate: Issuer;

  constructor(name: string) {
    this.#root = authority(`${name} root`);
    this.#intermediate = authority(`${name} intermediate`, this.#root);
  }

  /** The trust domain's bundle, with that of others. */
  bundle(...others: SpiffeAuthority[]): string {
    return [this, ...others].map((each) => each.#root.certificate.toString()).join('');
  }

  /** The holder of an SVID, signing others with it. */
  asIssuer({ certificate, privateKey }: SvidPems): Issuer {
    return {
      name: { organization: 'SPIRE', commonName: 'svid' },
      ...{ key: createPrivateKey(privateKey), certificate: new X509Certificate(certificate) },
    };
  }

  /** An SVID with a new key, for clients and servers. */
  issue(spiffeId: string, options: SvidOptions = {}): SvidPems {
    const { publicKey, privateKey } = newKey();
    const { name, key, certificate: issuer } = options.by ?? this.#intermediate;
    const uris = spiffeId === '' ? [] : [spiffeId, ...(options.otherUris ?? [])];
    const names = uris.map((uri) => new GeneralName({ uniformResourceIdentifier: uri }));
    if (options.dnsName !== undefined) names.push(new GeneralName({ dNSName: options.dnsName }));
    const certificate = signCertificate({
      subject: { organization: 'SPIRE', commonName: 'svid' },
      ...{ publicKey, issuer: name, issuerKey: key },
      ...validity(options.lifetimeMs),
      extensions: [
        extension(id_ce_keyUsage, true, new KeyUsage(KeyUsageFlags.digitalSignature)),
        extension(
          id_ce_extKeyUsage,
          false,
          new ExtendedKeyUsage(options.purposes ?? [id_kp_serverAuth, id_kp_clientAuth]),
        ),
        extension(
          id_ce_basicConstraints,
          true,
          new BasicConstraints({ cA: options.isCa ?? false }),
        ),
        extension(id_ce_subjectAltName, false, new SubjectAlternativeName(names)),
      ],
    });
    return {
      certificate: certificate.toString() + issuer.toString(),
      privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      bundle: this.bundle(),
    };
  }
}

/** The names that spiffe-helper gives its files by default. */
export function svidFiles(dir: string): {
  certificate: string;
  privateKey: string;
  bundle: string;
} {
  return {
    certificate: join(dir, 'svid.pem'),
    privateKey: join(dir, 'svid_key.pem'),
    bundle: join(dir, 'svid_bundle.pem'),
  };
}

/** Writes them one after the other, as spiffe-helper does. `between` is called after the first. */
export function writeSvid(
  dir: string,
  pems: SvidPems,
  between: () => void = () => undefined,
): void {
  mkdirSync(dir, { recursive: true });
  const names = svidFiles(dir);
  writeFileSync(names.certificate, pems.certificate);
  between();
  writeFileSync(names.privateKey, pems.privateKey, { mode: 0o600 });
  writeFileSync(names.bundle, pems.bundle);
}

function authority(commonName: string, by?: Issuer): Issuer {
  const { publicKey, privateKey } = newKey();
  const name = { organization: 'SPIRE', commonName };
  const certificate = signCertificate({
    subject: name,
    publicKey,
    issuer: by?.name ?? name,
    issuerKey: by?.key ?? privateKey,
    ...validity(86_400_000),
    extensions: [
      extension(id_ce_basicConstraints, true, new BasicConstraints({ cA: true })),
      extension(id_ce_keyUsage, true, new KeyUsage(KeyUsageFlags.keyCertSign)),
    ],
  });
  return { name, key: privateKey, certificate };
}

function newKey(): { publicKey: KeyObject; privateKey: KeyObject } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    publicKey,
    privateKey: createPrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' })),
  };
}

function validity(lifetimeMs = 3_600_000): { notBeforeMs: number; notAfterMs: number } {
  return { notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + lifetimeMs };
}

function extension(extnID: string, critical: boolean, value: object): Extension {
  return new Extension({
    extnID,
    critical,
    extnValue: new OctetString(AsnConvert.serialize(value)),
  });
}
