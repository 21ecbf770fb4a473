/** What can go wrong with the kubelet API of a virtual node. */
export type KubeletApiErrorCode =
  /** Another process, or another node, listens on the port. */
  | 'PORT_IN_USE'
  /** The address or port cannot be listened on for another reason. */
  | 'LISTEN_FAILED'
  | 'UNAUTHENTICATED'
  | 'FORBIDDEN'
  /** The API server could not say whether the request is allowed. */
  | 'AUTHORIZATION_FAILED'
  | 'PARAMETER_INVALID'
  /** The parameters are each readable, but not together or not in range. */
  | 'PARAMETER_UNPROCESSABLE'
  | 'UPGRADE_REQUIRED'
  | 'REQUEST_TOO_LARGE'
  | 'NOT_FOUND'
  | 'CONTAINER_NOT_FOUND'
  /** The site is not connected. */
  | 'NODE_DISCONNECTED'
  /** The connection to the site broke before the answer. */
  | 'NODE_LOST'
  /** The site did not answer in time. */
  | 'NODE_TIMEOUT'
  /** The site answered against the protocol. */
  | 'NODE_ANSWER_INVALID'
  /** The site says no; status and text are its own. */
  | 'REFUSED_BY_NODE'
  | 'INTERNAL';

const statuses: Readonly<Record<KubeletApiErrorCode, number>> = {
  PORT_IN_USE: 500,
  LISTEN_FAILED: 500,
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  AUTHORIZATION_FAILED: 500,
  PARAMETER_INVALID: 400,
  PARAMETER_UNPROCESSABLE: 422,
  UPGRADE_REQUIRED: 400,
  REQUEST_TOO_LARGE: 414,
  NOT_FOUND: 404,
  // A kubelet answers 500 here.
  CONTAINER_NOT_FOUND: 500,
  // Of 503 and 504 kube-apiserver would not pass the text on.
  NODE_DISCONNECTED: 502,
  NODE_LOST: 502,
  NODE_TIMEOUT: 502,
  NODE_ANSWER_INVALID: 502,
  REFUSED_BY_NODE: 500,
  INTERNAL: 500,
};

/** A failure whose message is fit for the client: it is the body of the answer. */
export class KubeletApiError extends Error {
  readonly code: KubeletApiErrorCode;
  /** The HTTP status that says so. */
  readonly status: number;

  constructor(
    code: KubeletApiErrorCode,
    message: string,
    options: { cause?: unknown; status?: number } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = 'KubeletApiError';
    this.code = code;
    this.status = options.status ?? statuses[code];
  }
}

/** The error for a site that cannot be reached. `since` is absent when it never was connected. */
export function nodeDisconnected(nodeName: string, since?: Date): KubeletApiError {
  const state =
    since === undefined
      ? 'has not been connected yet'
      : `has been disconnected since ${since.toISOString()}`;
  return new KubeletApiError(
    'NODE_DISCONNECTED',
    `site of node "${nodeName}" ${state}; its pods go on running but cannot be reached. ` +
      `Check the device's power and uplink, and that towline-runner runs there, then try again.`,
  );
}
