import * as v from 'valibot';
import { maxCommandWords } from '../../protocol/limits.ts';
import type { PodNetworkView } from '../network/pod-network.ts';

/** A container as a person names it: the namespace where the name is not the only one, the container where there are several. */
const target = {
  namespace: v.optional(v.string()),
  pod: v.string(),
  container: v.optional(v.string()),
};

/** Body of `POST /logs`. */
export const logsRequest = v.object({
  ...target,
  follow: v.boolean(),
  previous: v.boolean(),
  timestamps: v.boolean(),
  tailLines: v.optional(v.number()),
  sinceSeconds: v.optional(v.number()),
});

/** Body of `POST /exec`. */
export const execRequest = v.object({
  ...target,
  command: v.pipe(v.array(v.string()), v.minLength(1), v.maxLength(maxCommandWords)),
  stdin: v.boolean(),
  tty: v.boolean(),
});

/** pino's levels but `silent`: errors are always told. */
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
export type LogLevel = (typeof logLevels)[number];

/** Body of `POST /log-level`. */
export const logLevelRequest = v.object({ level: v.picklist(logLevels) });

export type LogsRequest = v.InferOutput<typeof logsRequest>;
export type ExecRequest = v.InferOutput<typeof execRequest>;

/** Answer of `POST /exec`: where the runtime waits for the streams, by the remote command protocol. */
export interface ExecAnswer {
  url: string;
}

/** Answer of `GET /status`. Times are RFC 3339. */
export interface StatusAnswer {
  site: string;
  tenant: string;
  nodeName: string;
  runnerVersion: string;
  startedAt: string;
  runtime: { version: string; ready: boolean; message: string };
  /** Types of the Node's conditions that say what the device runs out of. Absent in an answer of an older runner. */
  pressure?: string[];
  cloud: CloudAnswer;
  /** Absent in an answer of an older runner. */
  podNetwork?: PodNetworkView;
  /** What the cloud has not heard yet. */
  unsent: { pods: number; events: number };
  pods: { total: number; ready: number };
}

/** Of the link to the provider. */
export interface CloudAnswer {
  connected: boolean;
  /** The provider's address, while connected. */
  address?: string;
  /** Since when it is connected. */
  since?: string;
  /** When the cloud was last in reach; the present while connected, absent if it never was. */
  lastSeen?: string;
  /** Why it is not connected. */
  error?: string;
}
