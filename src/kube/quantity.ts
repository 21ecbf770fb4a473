import { KubeRuleError } from './kube-rule-error.ts';

/**
 * A quantity in nano units: `1` is 10⁹, `100m` is 10⁸. Finer parts are rounded away from zero,
 * and whole parts are capped at 2⁶³ − 1, both as the API server does.
 * @throws KubeRuleError `INVALID_QUANTITY`
 * Source: apimachinery, pkg/api/resource, the grammar in quantity.go.
 */
export function parseQuantity(text: string): bigint {
  const match = text.length > maxTextLength ? null : grammar.exec(text);
  if (match === null) throw invalidQuantity(text);
  const [, sign = '', whole = '', fraction = '', suffix = '', exponent] = match;
  const digits = whole + fraction;
  if (digits === '') throw invalidQuantity(text);
  const tens = decimalExponents[suffix] ?? Number(exponent ?? 0);
  const factor = 1024n ** BigInt(binaryPowers.indexOf(suffix) + 1);
  const nano = scaleByTen(BigInt(digits) * factor, nanoDigits + tens - fraction.length);
  const capped = nano > maxNano ? maxNano : nano;
  return sign === '-' ? -capped : capped;
}

/** Thousandths of a CPU, rounded up. @throws KubeRuleError `INVALID_QUANTITY` */
export function quantityToMilliCpu(text: string): number {
  return Number(divideRoundingUp(parseQuantity(text), 1_000_000n));
}

/** Whole bytes (or whole units of anything), rounded up. @throws KubeRuleError `INVALID_QUANTITY` */
export function quantityToBytes(text: string): number {
  return Number(divideRoundingUp(parseQuantity(text), 1_000_000_000n));
}

/** Bytes with the largest binary suffix that loses nothing: `16Gi`, `1500Ki`, `1234`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let suffix = '';
  for (const next of binaryPowers) {
    if (value === 0 || value % 1024 !== 0) break;
    value /= 1024;
    suffix = next;
  }
  return `${value}${suffix}`;
}

/** Bytes as the API writes a quantity of the form of `like`: `3Mi` for `1Ki`, `3M` for `1k`. */
export function formatBytesLike(bytes: number, like: string): string {
  if (like.endsWith('i')) return formatBytes(bytes);
  let value = bytes;
  let suffix = '';
  for (const next of ['k', 'M', 'G', 'T', 'P', 'E']) {
    if (value === 0 || value % 1000 !== 0) break;
    value /= 1000;
    suffix = next;
  }
  return `${value}${suffix}`;
}

/** Thousandths of a CPU as the API writes them: `2`, `500m`. */
export function formatMilliCpu(milliCpu: number): string {
  return milliCpu % 1000 === 0 ? String(milliCpu / 1000) : `${milliCpu}m`;
}

/** Quotient of two numbers, rounded towards positive infinity. */
export function divideRoundingUp(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  return dividend % divisor > 0n ? quotient + 1n : quotient;
}

const maxTextLength = 128;
const nanoDigits = 9;
const maxNano = (2n ** 63n - 1n) * 10n ** 9n;
const grammar =
  /^([+-]?)([0-9]*)(?:\.([0-9]*))?(?:(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E)|[eE]([+-]?[0-9]{1,9}))?$/;
const binaryPowers = ['Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
const decimalExponents: Partial<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};

/** Beyond a hundred digits either way every result is the cap or the smallest step. */
function scaleByTen(value: bigint, exponent: number): bigint {
  if (value === 0n) return 0n;
  const bounded = Math.max(-200, Math.min(200, exponent));
  if (bounded >= 0) return value * 10n ** BigInt(bounded);
  return divideRoundingUp(value, 10n ** BigInt(-bounded));
}

function invalidQuantity(text: string): KubeRuleError {
  return new KubeRuleError(
    'INVALID_QUANTITY',
    `${JSON.stringify(text.slice(0, maxTextLength))} is not a quantity: write a number with one of the suffixes n u m k M G T P E Ki Mi Gi Ti Pi Ei, or an exponent`,
  );
}
