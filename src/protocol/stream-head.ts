import * as v from 'valibot';
import { maxCommandWords } from './limits.ts';

/** Version of the messages in this folder, in every sync head. */
export const protocolVersion = 1;

/** `podUid`: by which the device knows the pod, so that it is no other of that name. */
const pod = {
  namespace: v.string(),
  pod: v.string(),
  podUid: v.optional(v.string()),
};

const container = { ...pod, container: v.string() };

/** The request line and headers of an upgrade, passed on to the runtime's streaming server. */
const upgrade = v.object({
  method: v.picklist(['GET', 'POST']),
  headers: v.array(v.tuple([v.string(), v.string()])),
});

const sync = v.object({
  type: v.literal('sync'),
  protocolVersion: v.number(),
  runnerVersion: v.string(),
  /** Kinds of objects that the runner takes; `firstKinds` where it doesn't say. */
  kinds: v.optional(v.array(v.string())),
  /** The runner takes `patch` in deltas. */
  patches: v.optional(v.boolean()),
});

const report = v.object({ type: v.literal('report') });

const logs = v.object({
  type: v.literal('logs'),
  ...container,
  follow: v.boolean(),
  previous: v.boolean(),
  timestamps: v.boolean(),
  tailLines: v.optional(v.number()),
  sinceSeconds: v.optional(v.number()),
  sinceTime: v.optional(v.string()),
  limitBytes: v.optional(v.number()),
});

const terminal = {
  stdin: v.boolean(),
  stdout: v.boolean(),
  stderr: v.boolean(),
  tty: v.boolean(),
  upgrade,
};

const exec = v.object({
  type: v.literal('exec'),
  ...container,
  command: v.pipe(v.array(v.string()), v.maxLength(maxCommandWords)),
  ...terminal,
});

const attach = v.object({ type: v.literal('attach'), ...container, ...terminal });

const portForward = v.object({
  type: v.literal('port-forward'),
  ...pod,
  ports: v.array(v.number()),
  upgrade,
});

/** A new certificate for the site's key, and the CAs to trust from now on; PEM. */
const certificate = v.object({
  type: v.literal('certificate'),
  certificate: v.string(),
  ca: v.string(),
});

/** What a kubelet's read-only endpoints tell of a node; each has the path that it has there. */
const stats = v.object({
  type: v.literal('stats'),
  path: v.picklist([
    '/stats/summary',
    '/metrics',
    '/metrics/resource',
    '/metrics/cadvisor',
    '/metrics/probes',
    '/runningpods',
    '/configz',
    '/healthz',
  ]),
  /** Of `/stats/summary`: nothing that must be looked for on disks. */
  onlyCpuAndMemory: v.boolean(),
});

/** A file or folder of the device's own logs, below `/var/log`. */
const hostLog = v.object({ type: v.literal('host-log'), path: v.string() });

/** A command that is run to its end; what it wrote is the answer. */
const run = v.object({
  type: v.literal('run'),
  ...container,
  command: v.pipe(v.array(v.string()), v.maxLength(maxCommandWords)),
});

/** Asks for a checkpoint of a container, in a file on the device. 0: the runtime's own time. */
const checkpoint = v.object({
  type: v.literal('checkpoint'),
  ...container,
  timeoutSeconds: v.pipe(v.number(), v.integer(), v.minValue(0)),
});

/** The Site is being deleted: stop all pods and forget what is desired, then reply. */
const leave = v.object({ type: v.literal('leave') });

/** Heads of the streams that a runner opens. */
export const runnerStreamHead = v.variant('type', [sync, report]);
export type RunnerStreamHead = v.InferOutput<typeof runnerStreamHead>;

/** Heads of the streams that a provider opens. */
export const providerStreamHead = v.variant('type', [
  logs,
  exec,
  attach,
  portForward,
  certificate,
  stats,
  hostLog,
  run,
  checkpoint,
  leave,
]);
export type ProviderStreamHead = v.InferOutput<typeof providerStreamHead>;

export type SyncHead = v.InferOutput<typeof sync>;
export type LogsHead = v.InferOutput<typeof logs>;
export type ExecHead = v.InferOutput<typeof exec>;
export type AttachHead = v.InferOutput<typeof attach>;
export type CertificateHead = v.InferOutput<typeof certificate>;
export type PortForwardHead = v.InferOutput<typeof portForward>;
export type StatsHead = v.InferOutput<typeof stats>;
export type RunHead = v.InferOutput<typeof run>;
export type CheckpointHead = v.InferOutput<typeof checkpoint>;
export type HostLogHead = v.InferOutput<typeof hostLog>;
export type Upgrade = v.InferOutput<typeof upgrade>;

/**
 * First message back on a stream that the provider opened. After `ok: true` raw bytes follow:
 * the log for `logs`, what a command wrote for `run`, JSON for `checkpoint`, the body compressed by gzip for `stats` and `host-log`, the HTTP response of
 * the runtime's streaming server for the others.
 * A refusal carries the HTTP status and text that a kubelet would answer.
 */
export const providerStreamReply = v.variant('ok', [
  v.object({ ok: v.literal(true) }),
  v.object({ ok: v.literal(false), status: v.number(), message: v.string() }),
]);
export type ProviderStreamReply = v.InferOutput<typeof providerStreamReply>;

/**
 * Whether a person waits for every byte: a terminal does. What has none (`kubectl cp`, piped output, a
 * forwarded port, a log) can be much and takes turns behind it. Both ends send by this order.
 */
export function isInteractive(head: ProviderStreamHead): boolean {
  return (head.type === 'exec' || head.type === 'attach') && head.tty;
}
