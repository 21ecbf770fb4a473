/** What a text must be to name a namespace or a site, in words. */
export const dnsLabelForm = 'at most 63 of a-z, 0-9 and "-", with a letter or digit at both ends';

/** Whether a text is a DNS label (RFC 1123), as the names of namespaces and sites are. */
export function isDnsLabel(text: string): boolean {
  return /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(text);
}
