import type { X509Certificate } from 'node:crypto';
import { AsnConvert } from '@peculiar/asn1-schema';
import {
  BasicConstraints,
  Certificate,
  KeyUsage,
  KeyUsageFlags,
  id_ce_basicConstraints,
  id_ce_keyUsage,
} from '@peculiar/asn1-x509';

/**
 * Whether anything in a certificate lets its holder sign certificates or revocations, which no SVID of a
 * workload may have; Node's `ca` asks whether everything that this takes is there. So it is for one that can't
 * be read. Source: SPIFFE X.509-SVID section 5.1.
 */
export function maySign(certificate: X509Certificate): boolean {
  try {
    const { extensions } = AsnConvert.parse(certificate.raw, Certificate).tbsCertificate;
    return Array.from(extensions ?? []).some(({ extnID, extnValue }) => {
      if (extnID === id_ce_basicConstraints)
        return AsnConvert.parse(extnValue, BasicConstraints).cA;
      if (extnID !== id_ce_keyUsage) return false;
      return (AsnConvert.parse(extnValue, KeyUsage).toNumber() & signing) !== 0;
    });
  } catch {
    return true;
  }
}

const signing = KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign;
