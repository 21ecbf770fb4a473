import type { Taint, Toleration } from './api.ts';

/**
 * Whether a toleration matches a taint, for however long.
 * Source: Toleration.ToleratesTaint of the API; its numeric operators are off by default.
 */
export function tolerates(
  { key = '', operator = '', value = '', effect = '' }: Toleration,
  taint: Taint,
): boolean {
  if (effect !== '' && effect !== taint.effect) return false;
  if (key !== '' && key !== taint.key) return false;
  if (operator === 'Exists') return true;
  return ['', 'Equal'].includes(operator) && value === (taint.value ?? '');
}
