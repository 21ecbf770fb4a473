import type { ProbedSpec } from './probe-outcome.ts';

/**
 * The number of a port that a handler names by number, by the name of one of the container's ports,
 * or by a number in a string; or else the words of a kubelet about it.
 */
export function containerPort(
  wanted: number | string,
  container: Pick<ProbedSpec, 'ports'>,
): { port: number } | { problem: string } {
  const port = typeof wanted === 'number' ? wanted : portNamed(wanted, container);
  if (port === undefined) {
    return { problem: `strconv.Atoi: parsing ${JSON.stringify(wanted)}: invalid syntax` };
  }
  if (port > 0 && port < 65_536) return { port };
  return { problem: `invalid port number: ${port}` };
}

function portNamed(name: string, container: Pick<ProbedSpec, 'ports'>): number | undefined {
  const declared = container.ports?.find((port) => port.name === name);
  if (declared !== undefined) return declared.containerPort;
  return /^[+-]?\d+$/.test(name) ? Number(name) : undefined;
}
