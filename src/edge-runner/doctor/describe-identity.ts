import { X509Certificate } from 'node:crypto';
import { JoinError } from '../join/errors.ts';
import { loadIdentity } from '../join/identity-dir.ts';
import type { Section } from './section.ts';

/** Which site the device is of, and how long its certificates hold. */
export async function describeIdentity(stateDir: string, nowMs: number): Promise<Section> {
  const title = 'identity';
  try {
    const { tenant, site, addresses, certificate, ca } = await loadIdentity(stateDir);
    return {
      title,
      lines: [
        `site ${tenant}/${site}`,
        `provider ${addresses.join(', ')}`,
        `certificate ${validity(certificate, nowMs)}`,
        `CA ${validity(ca, nowMs)}`,
      ],
    };
  } catch (error) {
    if (!(error instanceof JoinError)) throw error;
    return { title, lines: [`${error.code}: ${error.message}`] };
  }
}

function validity(pem: string, nowMs: number): string {
  const certificate = new X509Certificate(pem);
  const { validFromDate: from, validToDate: to, fingerprint256 } = certificate;
  const state =
    nowMs < from.getTime() ? 'NOT YET VALID' : nowMs > to.getTime() ? 'EXPIRED' : 'valid';
  return `${state}, ${from.toISOString()} to ${to.toISOString()}, SHA-256 ${fingerprint256}`;
}
