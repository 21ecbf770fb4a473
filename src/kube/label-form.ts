/** What the name in a label's key and its value must be, in words. */
export const labelForm =
  'at most 63 of A-Z, a-z, 0-9, "-", "_" and ".", with a letter or digit at both ends';

/**
 * Whether a text can be the key of a label or taint: a name, or `prefix/name`.
 * Source: apimachinery's `IsQualifiedName`.
 */
export function isLabelKey(text: string): boolean {
  const [name = '', prefix, ...more] = text.split('/').reverse();
  if (more.length > 0 || name === '' || !isLabelValue(name)) return false;
  if (prefix === undefined) return true;
  return prefix.length <= 253 && prefix.split('.').every((part) => dnsPart.test(part));
}

/** Whether a text can be the value of a label or taint; it may be empty. */
export function isLabelValue(text: string): boolean {
  return text === '' || /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/.test(text);
}

const dnsPart = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
