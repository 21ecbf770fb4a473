import { desiredKinds, firstKinds } from '../../protocol/sync.ts';

/**
 * The kinds of objects that a provider and a runner have in common.
 * @param said what the runner's sync head says; `undefined` of one from before heads said it.
 */
export function takenKinds(said: readonly string[] = firstKinds): ReadonlySet<string> {
  return new Set(desiredKinds.filter((kind) => said.includes(kind)));
}
