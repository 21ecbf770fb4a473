import * as v from 'valibot';
import {
  maxConditionMessageLength,
  maxFactLength,
  maxFacts,
  maxNameLength,
  maxStaticPodBytes,
  maxToldStaticPods,
} from './limits.ts';

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

/** What people are shown of a device: one line, without what a terminal would take for a command. */
const fact = v.pipe(v.string(), v.maxLength(maxFactLength), v.regex(/^\P{Cc}*$/u));

/** The name of a feature gate of Kubernetes. */
const featureName = v.pipe(v.string(), v.regex(/^[A-Z][A-Za-z0-9]{0,62}$/));

const resources = v.pipe(v.record(fact, fact), v.maxEntries(maxFacts));

/** Facts about the device for its Node object. */
export const nodeReport = v.object({
  capacity: resources,
  allocatable: resources,
  nodeInfo: v.object({
    machineID: fact,
    systemUUID: fact,
    bootID: fact,
    kernelVersion: fact,
    osImage: fact,
    containerRuntimeVersion: fact,
    operatingSystem: fact,
    architecture: fact,
  }),
  conditions: v.pipe(
    v.array(
      v.object({
        type: fact,
        status: v.picklist(['True', 'False', 'Unknown']),
        reason: fact,
        message: v.pipe(v.string(), v.maxLength(maxConditionMessageLength)),
      }),
    ),
    v.maxLength(maxFacts),
  ),
  /** Addresses of the device itself, for the Site's status. */
  addresses: v.pipe(v.array(v.pipe(v.string(), v.ip())), v.maxLength(maxFacts)),
  hostname: fact,
  runnerVersion: fact,
  /** What the runner can do of `status.declaredFeatures`; absent: it is older than that. */
  features: v.optional(v.pipe(v.array(featureName), v.maxLength(maxFacts))),
  /** What the handlers of the container runtime can do; the default one's name is empty. */
  runtimeHandlers: v.optional(
    v.pipe(
      v.array(
        v.object({ name: fact, recursiveReadOnlyMounts: v.boolean(), userNamespaces: v.boolean() }),
      ),
      v.maxLength(maxFacts),
    ),
  ),
  /** What the container runtime can do with every handler; absent: it doesn't say. */
  runtimeFeatures: v.optional(v.object({ supplementalGroupsPolicy: v.boolean() })),
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

const strings = v.nullish(v.record(v.string(), v.string()));

/** A name that the API can have: a subdomain as of RFC 1123. */
const name = v.pipe(
  v.string(),
  v.maxLength(maxNameLength),
  v.regex(/^[a-z0-9](?:[-.a-z0-9]*[a-z0-9])?$/),
);

/** A pod that the device took from a file. */
export const staticPod = v.object({
  namespace: name,
  name,
  /** Hash of what the file says: another file is another pod. */
  uid: v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/)),
  /** When the runner first saw it, RFC 3339. */
  seen: v.pipe(v.string(), v.maxLength(maxFactLength)),
  /** Absent where it is too large to be told whole. */
  manifest: v.optional(
    v.pipe(
      v.object({ labels: strings, annotations: strings, spec: v.looseObject({}) }),
      v.check(
        (manifest) => Buffer.byteLength(JSON.stringify(manifest)) <= maxStaticPodBytes,
        'larger than a static pod is told whole',
      ),
    ),
  ),
});
export type StaticPodReport = v.InferOutput<typeof staticPod>;

/** All that the device has, so that what isn't among them is gone. */
const staticPods = v.object({
  type: v.literal('static-pods'),
  id: v.number(),
  pods: v.pipe(v.array(staticPod), v.maxLength(maxToldStaticPods)),
});

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
  staticPods,
  tokenRequest,
]);
export type ReportFromRunner = v.InferOutput<typeof reportFromRunner>;

export const reportFromProvider = v.variant('type', [
  /**
   * First on the stream. `full`: the provider doesn't know the site's last reports; `node`: the
   * `objectVersion` of the last one about the device, when it does.
   */
  v.object({
    type: v.literal('begin'),
    full: v.boolean(),
    node: v.optional(v.string()),
    /** Digest of the static pods that it was told last, `unknown` before that; absent where it takes none. */
    staticPods: v.optional(v.string()),
  }),
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
