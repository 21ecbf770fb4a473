/** What a secret looks like in a text that was not written for others' eyes, and what stands for it. */
const secrets: readonly [pattern: RegExp, instead: string][] = [
  [/-----BEGIN [^-]*PRIVATE KEY-----[^]*?(-----END [^-]*-----|$)/g, '(key)'],
  [/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, '(token)'],
  [/(\b(?:bearer|basic)\s+)[\w.+/=~-]+/gi, '$1(secret)'],
  [/(:\/\/)[^\s/@]+@/g, '$1(secret)@'],
  [
    /(["']?\b[\w-]*(?:token|password|passwd|secret|authorization|api[-_]?key)["']?\s*[=:]\s*["']?)(?!\()[^\s"',;&]+/gi,
    '$1(secret)',
  ],
  [/(--token[ =])\S+/g, '$1(secret)'],
  // Keys and tokens of whatever kind; hashes of images are hexadecimal and stay.
  [/(?<![\w+/=-])(?=[\w+/=-]*[A-Z])(?=[\w+/=-]*[a-z])(?=[\w+/=-]*\d)[\w+/=-]{32,}/g, '(long text)'],
];

/** A line of a log without what may be a secret. It is better to hide too much. */
export function redact(text: string): string {
  return secrets.reduce((line, [pattern, instead]) => line.replace(pattern, instead), text);
}
