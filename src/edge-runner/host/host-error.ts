/**
 * `HOST_FACT_MISSING` a file that every Linux has is not there, `HOST_FACT_MALFORMED` it says nothing
 * usable, `CGROUP_BUSY` something stays in the cgroup of a stopped pod, `CGROUP_UNWRITABLE` the cgroup
 * of a pod can't be made or changed, `BANDWIDTH_UNAVAILABLE` a pod's bandwidth can't be bounded here,
 * `USER_NAMESPACE_UNAVAILABLE` a pod can't have users of its own here.
 */
export type HostErrorCode =
  | 'HOST_FACT_MISSING'
  | 'HOST_FACT_MALFORMED'
  | 'CGROUP_BUSY'
  | 'CGROUP_UNWRITABLE'
  | 'BANDWIDTH_UNAVAILABLE'
  | 'USER_NAMESPACE_UNAVAILABLE';

export class HostError extends Error {
  override readonly name = 'HostError';
  readonly code: HostErrorCode;

  constructor(code: HostErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
