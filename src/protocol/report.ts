import * as v from 'valibot';

/**
 * The report stream brings the provider what happened on a site. Every message from the runner has
 * a number and is acknowledged once the cluster has it, so that it can be sent again after a break.
 */

const podIdentity = { namespace: v.string(), name: v.string(), uid: v.string() };

/** What a provider reads of a PodStatus; it carries the rest along, and the API server judges it. */
const readOfStatus = v.looseObject({
  phase: v.nullish(v.string()),
  conditions: v.nullish(v.array(v.looseObject({ type: v.string(), status: v.string() }))),
});

const podStatus = v.pipe(
  v.looseObject({}),
  v.check((status) => v.is(readOfStatus, status), 'not the status of a pod'),
);

/** The newest status of a pod. `gone`: nothing of the pod is left on the device. */
export const podReport = v.object({
  ...podIdentity,
  gone: v.boolean(),
  status: podStatus,
});
export type PodReport = v.InferOutput<typeof podReport>;

/** Facts about the device for its Node object. */
export const nodeReport = v.object({
  capacity: v.record(v.string(), v.string()),
  allocatable: v.record(v.string(), v.string()),
  nodeInfo: v.object({
    machineID: v.string(),
    systemUUID: v.string(),
    bootID: v.string(),
    kernelVersion: v.string(),
    osImage: v.string(),
    containerRuntimeVersion: v.string(),
    operatingSystem: v.string(),
    architecture: v.string(),
  }),
  conditions: v.array(
    v.object({
      type: v.string(),
      status: v.picklist(['True', 'False', 'Unknown']),
      reason: v.string(),
      message: v.string(),
    }),
  ),
  /** Addresses of the device itself, for the Site's status. */
  addresses: v.array(v.string()),
  hostname: v.string(),
  runnerVersion: v.string(),
});
export type NodeReport = v.InferOutput<typeof nodeReport>;

/** An event about a pod, repeats folded into `count`. Times are RFC 3339. */
export const eventReport = v.object({
  /** Made by the runner, unique on the site: the same event sent twice is stored once. */
  id: v.string(),
  pod: v.object(podIdentity),
  /** Field path of the container, as in `spec.containers{web}`; absent for the pod itself. */
  fieldPath: v.optional(v.string()),
  type: v.picklist(['Normal', 'Warning']),
  reason: v.string(),
  message: v.string(),
  count: v.number(),
  firstTimestamp: v.string(),
  lastTimestamp: v.string(),
});
export type EventReport = v.InferOutput<typeof eventReport>;

/** Asks for a service-account token of one of the site's pods. */
const tokenRequest = v.object({
  type: v.literal('token-request'),
  id: v.number(),
  pod: v.object(podIdentity),
  serviceAccount: v.string(),
  audiences: v.array(v.string()),
  expirationSeconds: v.number(),
});
export type TokenRequest = v.InferOutput<typeof tokenRequest>;

export const reportFromRunner = v.variant('type', [
  v.object({ type: v.literal('node'), id: v.number(), node: nodeReport }),
  v.object({ type: v.literal('pods'), id: v.number(), pods: v.array(podReport) }),
  v.object({ type: v.literal('events'), id: v.number(), events: v.array(eventReport) }),
  tokenRequest,
]);
export type ReportFromRunner = v.InferOutput<typeof reportFromRunner>;

export const reportFromProvider = v.variant('type', [
  /** First on the stream: whether the provider already knows the site's last reports. */
  v.object({ type: v.literal('begin'), full: v.boolean() }),
  v.object({ type: v.literal('ack'), id: v.number() }),
  v.object({
    type: v.literal('token'),
    id: v.number(),
    token: v.string(),
    expirationTimestamp: v.string(),
  }),
  /** A request that the cluster or the provider refused; `retryable` when it may succeed later. */
  v.object({
    type: v.literal('refused'),
    id: v.number(),
    message: v.string(),
    retryable: v.boolean(),
  }),
]);
export type ReportFromProvider = v.InferOutput<typeof reportFromProvider>;
