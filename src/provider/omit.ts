/** A copy of an object without some of its fields. */
export function omit<T extends object, K extends string>(object: T, ...fields: K[]): Omit<T, K> {
  const rest = Object.entries(object).filter(([field]) => !(fields as string[]).includes(field));
  return Object.fromEntries(rest) as Omit<T, K>;
}
