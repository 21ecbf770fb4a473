import { X509Certificate } from 'node:crypto';
import { JoinError } from '../join/errors.ts';
import { loadCertificates, loadIdentity } from '../join/identity-dir.ts';
import type { Section } from './section.ts';

/** Which site the device is of, how long its certificates hold, and whether its key is the right one. */
export async function describeIdentity(
  { stateDir, keyPath }: { stateDir: string; keyPath: string | undefined },
  nowMs: number,
): Promise<Section> {
  const title = 'identity';
  try {
    const { tenant, site, addresses, certificate, ca } = await loadCertificates(stateDir);
    return {
      title,
      lines: [
        `site ${tenant}/${site}`,
        `provider ${addresses.join(', ')}`,
        `certificate ${validity(certificate, nowMs)}`,
        `CA ${validity(ca, nowMs)}`,
        `key ${await keyState(stateDir, keyPath)}`,
      ],
    };
  } catch (error) {
    if (!(error instanceof JoinError)) throw error;
    return { title, lines: [`${error.code}: ${error.message}`] };
  }
}

async function keyState(stateDir: string, keyPath: string | undefined): Promise<string> {
  try {
    const { key } = await loadIdentity(stateDir, keyPath);
    return key === undefined ? 'in the state directory' : `in ${keyPath}`;
  } catch (error) {
    if (!(error instanceof JoinError)) throw error;
    return `${error.code}: ${error.message}`;
  }
}

function validity(pem: string, nowMs: number): string {
  const certificate = new X509Certificate(pem);
  const { validFromDate: from, validToDate: to, fingerprint256 } = certificate;
  const state =
    nowMs < from.getTime() ? 'NOT YET VALID' : nowMs > to.getTime() ? 'EXPIRED' : 'valid';
  return `${state}, ${from.toISOString()} to ${to.toISOString()}, SHA-256 ${fingerprint256}`;
}
