/** What can be wrong with a value that a Kubernetes rule is applied to. */
export type KubeRuleErrorCode =
  /** Text that is not a quantity, such as `1.5Gi` misspelt. */
  | 'INVALID_QUANTITY'
  /** Text that is not a Go duration. */
  | 'INVALID_DURATION'
  /** A `fieldPath` that the downward API doesn't offer. */
  | 'UNSUPPORTED_FIELD'
  /** A `resource` that the downward API doesn't offer, or a container that isn't there. */
  | 'UNSUPPORTED_RESOURCE'
  /** The container's environment cannot be built; the kubelet calls it CreateContainerConfigError. */
  | 'CONFIG_ERROR';

/** A Kubernetes rule that cannot be applied; the message is the one a kubelet would report. */
export class KubeRuleError extends Error {
  override readonly name = 'KubeRuleError';
  readonly code: KubeRuleErrorCode;

  constructor(code: KubeRuleErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
