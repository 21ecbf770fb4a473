import type { Pod } from '../../kube/api.ts';
import type { NodeReport, EventReport } from '../../protocol/report.ts';
import { parseMessage } from '../../protocol/parse.ts';
import type { CriClient } from '../cri/cri-client.ts';
import { readContainerLog } from '../logs/read-container-log.ts';
import type { PodNetworkView } from '../network/pod-network.ts';
import type { PodManager } from '../pod/pod-manager.ts';
import type { PodWorker } from '../pod/pod-worker.ts';
import { findLogged, findRunning } from '../streams/find-container.ts';
import { StreamRefusal } from '../streams/stream-refusal.ts';
import type { Answer, Handler, Request } from './control-server.ts';
import { defaultContainer } from './default-container.ts';
import {
  execRequest,
  logLevelRequest,
  logsRequest,
  type CloudAnswer,
  type ExecAnswer,
  type LogLevel,
  type StatusAnswer,
} from './messages.ts';

/** What is known on the device. */
export interface ControlApiOptions {
  site: { tenant: string; name: string; nodeName: string };
  runnerVersion: string;
  startedAtMs: number;
  pods: PodManager;
  cri: CriClient;
  node: () => NodeReport;
  cloud: () => CloudAnswer;
  podNetwork: () => PodNetworkView;
  unsent: () => { pods: number; events: number };
  logLevel: () => string;
  setLogLevel: (level: LogLevel) => void;
  /** Events of which something is remembered, oldest first. */
  events: () => EventReport[];
}

interface Target {
  namespace?: string | undefined;
  pod: string;
  container?: string | undefined;
}

/** Answers what a person at the device asks; nothing here needs the cloud. */
export function controlApi(options: ControlApiOptions): Handler {
  const api = new ControlApi(options);
  return async (request) => {
    switch (request.path) {
      case 'GET /status':
        return { json: api.status() };
      case 'GET /pods':
        return { json: { apiVersion: 'v1', kind: 'List', items: api.pods() } };
      case 'GET /events':
        return { json: options.events() };
      case 'GET /log-level':
        return { json: { level: options.logLevel() } };
      case 'POST /log-level':
        options.setLogLevel(parseMessage(logLevelRequest, request.body).level);
        return { json: {} };
      case 'POST /logs':
        return api.logs(request);
      case 'POST /exec':
        return { json: await api.exec(request) };
      default:
        throw new StreamRefusal(404, `this runner has no ${request.path}`);
    }
  };
}

class ControlApi {
  readonly #options: ControlApiOptions;

  constructor(options: ControlApiOptions) {
    this.#options = options;
  }

  status(): StatusAnswer {
    const { site, runnerVersion, startedAtMs, cloud, unsent, podNetwork } = this.#options;
    const { conditions, nodeInfo } = this.#options.node();
    const ready = conditions.find(({ type }) => type === 'Ready');
    const pods = this.pods();
    return {
      ...{ site: site.name, tenant: site.tenant, nodeName: site.nodeName, runnerVersion },
      startedAt: new Date(startedAtMs).toISOString().replace(/\.\d+Z$/, 'Z'),
      runtime: {
        version: nodeInfo.containerRuntimeVersion,
        ready: ready?.status === 'True',
        message: ready?.message ?? '',
      },
      pressure: conditions
        .filter(({ type, status }) => type.endsWith('Pressure') && status === 'True')
        .map(({ type }) => type),
      cloud: cloud(),
      podNetwork: podNetwork(),
      unsent: unsent(),
      pods: { total: pods.length, ready: pods.filter(isReady).length },
    };
  }

  /** As the API server would show them once it has heard everything. */
  pods(): Pod[] {
    return this.#options.pods
      .list()
      .map(({ pod, status, isStatusOurs }) => ({
        ...{ apiVersion: 'v1', kind: 'Pod', metadata: pod.metadata, spec: pod.spec },
        ...(isStatusOurs && status !== undefined ? { status } : {}),
      }))
      .sort((a, b) => fullName(a).localeCompare(fullName(b)));
  }

  logs({ body, signal }: Request): Answer {
    const { pods } = this.#options;
    const request = parseMessage(logsRequest, body);
    const { previous, follow, timestamps, tailLines, sinceSeconds } = request;
    const container = findLogged(pods, this.#resolve(request), previous);
    const ended = new AbortController();
    if (follow) {
      const unwatch = pods.onContainerEnd(container.id, () => {
        ended.abort();
      });
      signal.addEventListener('abort', unwatch, { once: true });
    }
    const options = {
      ...{ follow, timestamps },
      ...(tailLines === undefined ? {} : { tailLines }),
      ...(sinceSeconds === undefined ? {} : { sinceSeconds }),
    };
    return {
      bytes: readContainerLog(container.logPath, options, { signal, ended: ended.signal }),
    };
  }

  async exec({ body }: Request): Promise<ExecAnswer> {
    const request = parseMessage(execRequest, body);
    const { id: containerId } = findRunning(this.#options.pods, this.#resolve(request));
    const { command: cmd, stdin, tty } = request;
    const io = { stdin, tty, stdout: true, stderr: !tty };
    return { url: (await this.#options.cri.exec({ containerId, cmd, ...io })).url };
  }

  /** The one pod of this name, and kubectl's choice among its containers. @throws StreamRefusal */
  #resolve({ namespace, pod: name, container }: Target): {
    namespace: string;
    pod: string;
    container: string;
  } {
    const found = this.#options.pods
      .list()
      .filter(({ pod: { metadata } }) => metadata.name === name)
      .filter(({ pod }) => namespace === undefined || pod.metadata.namespace === namespace);
    const namespaces = new Set(found.map(namespaceOf));
    const [first, second] = namespaces;
    if (first === undefined)
      throw new StreamRefusal(404, `there is no pod "${name}" on this device`);
    if (second !== undefined) {
      const all = [...namespaces].join(', ');
      throw new StreamRefusal(
        400,
        `pod "${name}" is in several namespaces (${all}): say which by -n`,
      );
    }
    const worker = this.#options.pods.find(first, name) ?? found[0];
    return { namespace: first, pod: name, container: container ?? defaultContainer(worker?.pod) };
  }
}

function namespaceOf({ pod }: PodWorker): string {
  return pod.metadata.namespace ?? '';
}

function isReady({ status }: Pod): boolean {
  return (
    status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true
  );
}

function fullName({ metadata }: Pod): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}
