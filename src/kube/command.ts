import type { Container } from './api.ts';
import type { EnvironmentEntry } from './env.ts';
import { expandVariables } from './expand.ts';

/** A container's `command` and `args` with `$(VAR)` replaced from its environment. */
export function expandCommand(
  container: Container,
  env: EnvironmentEntry[],
): { command: string[]; args: string[] } {
  const values = new Map(env.map(({ name, value }) => [name, value]));
  const expand = (text: string): string => expandVariables(text, (name) => values.get(name));
  return {
    command: (container.command ?? []).map(expand),
    args: (container.args ?? []).map(expand),
  };
}
