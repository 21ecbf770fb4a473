import { VolumeError } from './volume-error.ts';

/**
 * A name or uid that is to be part of a path: Kubernetes' own are made of these letters, and can be no
 * path but their own. @throws VolumeError `UNSAFE_NAME`
 */
export function safeName(name: string): string {
  if (isSafeName(name)) return name;
  throw new VolumeError(
    'UNSAFE_NAME',
    `the name ${JSON.stringify(name.slice(0, 253))} cannot be used in a path: use letters, digits, '-' and '.'`,
  );
}

/** Whether `safeName` takes it. */
export function isSafeName(name: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}$/.test(name) && !name.includes('..');
}
