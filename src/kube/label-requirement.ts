/** A requirement on one label, as selectors have it. */
export interface LabelRequirement {
  key: string;
  operator: string;
  values?: readonly string[];
}

/** Whether labels fulfil a requirement; of an operator that selectors don't have none do. */
export function matchesRequirement(
  { key, operator, values = [] }: LabelRequirement,
  labels: Readonly<Record<string, string>>,
): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    default:
      return false;
  }
}
