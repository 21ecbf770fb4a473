import { generateKeyPairSync } from 'node:crypto';
import { CertificateAuthority, createCa } from '../../../src/provider/pki/authority.ts';
import type { TunnelTls } from '../../../src/tunnel/dial.ts';

export interface TestCertificates {
  ca: string;
  serverCert: string;
  serverKey: string;
  /** What a site dials with. */
  client: TunnelTls;
}

/** A CA of its own with a server for the names and a site. */
export function testCertificates(
  names: string[] = ['localhost', '127.0.0.1', '::1'],
): TestCertificates {
  const trustDomain = 'test.example';
  const keyPair = createCa({ trustDomain, nowMs: Date.now() });
  const authority = new CertificateAuthority({ keyPair, trustDomain });
  const serving = authority.issueServing(names);
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ca = authority.certificatePem;
  return {
    ca,
    serverCert: serving.certificate,
    serverKey: serving.privateKey,
    client: {
      ca,
      cert: authority.issueSite({ name: 'site', tenant: 'tenant' }, publicKey),
      key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    },
  };
}
