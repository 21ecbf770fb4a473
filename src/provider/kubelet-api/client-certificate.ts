import type { X509Certificate } from 'node:crypto';
import { AsnConvert } from '@peculiar/asn1-schema';
import { Certificate } from '@peculiar/asn1-x509';
import type { User } from './user.ts';

const organizationName = '2.5.4.10';
const commonName = '2.5.4.3';

/**
 * The user that a client certificate names: common name and organisations.
 * Source: "Authenticating", X509 client certificates; with several common names the last counts.
 * @returns undefined for a certificate without a common name, or one that is not valid now.
 */
export function userOfCertificate(
  certificate: X509Certificate,
  now: Date = new Date(),
): User | undefined {
  if (!isValid(certificate, now)) return undefined;
  const attributes = subjectAttributes(certificate);
  const name = attributes.filter(({ type }) => type === commonName).at(-1)?.text;
  if (name === undefined || name === '') return undefined;
  const groups = attributes.filter(({ type }) => type === organizationName);
  return { name, groups: groups.map(({ text }) => text) };
}

/** Whether a certificate is valid by its dates. */
export function isValid({ validFromDate, validToDate }: X509Certificate, now: Date): boolean {
  return now >= validFromDate && now <= validToDate;
}

/** Read from the DER: the text form that node:crypto gives cannot be taken apart safely. */
function subjectAttributes(certificate: X509Certificate): { type: string; text: string }[] {
  const { tbsCertificate } = AsnConvert.parse(certificate.raw, Certificate);
  return tbsCertificate.subject.flatMap((relativeName) =>
    relativeName.map(({ type, value }) => ({ type, text: value.toString() })),
  );
}
