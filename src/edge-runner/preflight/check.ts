/** How one thing that a device needs was found. `ok` says what is there, the others what is wrong. */
export interface Check {
  /** In kebab-case, the same in every version: scripts look for it. */
  readonly name: string;
  readonly status: 'ok' | 'warning' | 'failed';
  readonly found: string;
  /** What to do about it; not with `ok`. */
  readonly remedy?: string;
  /** The Debian package that has what is missing. */
  readonly package?: string;
}

export function ok(name: string, found: string): Check {
  return { name, status: 'ok', found };
}

/** Pods run, but not all that a pod may ask for. */
export function warning(name: string, found: string, remedy: string, debian?: string): Check {
  return { name, status: 'warning', found, remedy, ...(debian && { package: debian }) };
}

/** Pods don't run. */
export function failed(name: string, found: string, remedy: string, debian?: string): Check {
  return { name, status: 'failed', found, remedy, ...(debian && { package: debian }) };
}

/** Whether pods can run on the device. */
export function passes(checks: readonly Check[]): boolean {
  return checks.every(({ status }) => status !== 'failed');
}
