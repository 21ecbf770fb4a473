import type { Check } from './check.ts';

/** A line for each check, and for one that is not `ok` what to do. */
export function printChecks(checks: readonly Check[]): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  return checks
    .map((check) => `${check.status.padEnd(8)}${check.name.padEnd(width + 2)}${sentence(check)}\n`)
    .join('');
}

function sentence({ found, remedy, package: debian }: Check): string {
  if (remedy === undefined) return found;
  return `${found}: ${remedy}${debian === undefined ? '' : ` (Debian package ${debian})`}`;
}
