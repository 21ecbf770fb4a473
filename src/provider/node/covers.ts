/** Whether `current` has everything that is wanted, at any depth; lists and key sets must be equal. */
export function covers(current: unknown, wanted: unknown): boolean {
  if (typeof wanted !== 'object' || wanted === null) return current === wanted;
  if (typeof current !== 'object' || current === null) return false;
  const keys = new Set([...Object.keys(wanted), ...Object.keys(current)]);
  return [...keys].every((key) =>
    covers((current as Record<string, unknown>)[key], (wanted as Record<string, unknown>)[key]),
  );
}
