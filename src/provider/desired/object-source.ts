import type { DesiredObject } from '../../protocol/sync.ts';

/** What is known of an object that a pod names. `unknown`: it can't be read at the moment. */
export type Known =
  { kind: 'present'; object: DesiredObject } | { kind: 'absent' } | { kind: 'unknown' };

/** One user's hold on an object; as long as it lasts the object is kept up to date. */
export interface ObjectHold {
  readonly known: Known;
  /**
   * Resolves when the object has been read once more after this call, or can't be for now: then
   * `known` says what there is. Never rejects.
   */
  refresh(): Promise<void>;
  release(): void;
}

/** Where ConfigMaps or Secrets come from. */
export interface ObjectSource {
  /** `onChange` is called whenever `known` has changed. */
  hold(namespace: string, name: string, onChange: () => void): ObjectHold;
}
