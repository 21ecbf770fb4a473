import type { Logger } from 'pino';
import { nodeUidOf } from '../../kube/mirror-pod.ts';
import type {
  EventReport,
  NodeReport,
  PodReport,
  StaticPodReport,
  TokenRequest,
} from '../../protocol/report.ts';
import { isKubeApiError } from '../kube-client/kube-api-error.ts';
import type { KubeClient } from '../kube-client/kube-client.ts';
import { resources } from '../kube-client/resource-type.ts';
import { maxTokenWaitMs } from '../limits.ts';
import type { MirrorController } from '../mirror/mirror-controller.ts';
import type { BoundPods } from '../pod/pod-index.ts';
import { eventObject } from './event-object.ts';
import type { EventWriter } from './event-writer.ts';
import { planToken } from './plan-token.ts';
import type { PodStatusController } from './pod-status-controller.ts';
import type { ReportSink, TokenAnswer } from './report-server.ts';
import type { WriteRate } from './write-rate.ts';

export interface SiteReportsOptions {
  nodeName: string;
  client: Pick<KubeClient, 'create'>;
  pods: BoundPods;
  statuses: Pick<PodStatusController, 'report'>;
  events: Pick<EventWriter, 'write'>;
  mirrors: Pick<MirrorController, 'digestOf' | 'shows' | 'told'>;
  nodes: {
    report(nodeName: string, report: NodeReport): Promise<void>;
    reportOf(nodeName: string): NodeReport | undefined;
    exists(nodeName: string, signal: AbortSignal): Promise<boolean>;
  };
  onNodeReport: () => void;
  /** Resolves when this site may have one more thing written. */
  turn: () => Promise<void>;
  /** Resolves to whether this site may ask for one more token; it doesn't wait. */
  takeToken: () => Promise<boolean>;
  /** Of the tokens that all sites ask for. */
  tokenRate: Pick<WriteRate, 'turnWithin'>;
  log: Logger;
}

interface TokenResponse {
  status?: { token?: string; expirationTimestamp?: string };
}

/** Brings one site's reports into the cluster, as far as they concern its own node and pods. */
export class SiteReports implements ReportSink {
  readonly #options: SiteReportsOptions;

  constructor(options: SiteReportsOptions) {
    this.#options = options;
  }

  known(): NodeReport | undefined {
    return this.#options.nodes.reportOf(this.#options.nodeName);
  }

  async node(report: NodeReport): Promise<void> {
    const { nodeName, nodes, onNodeReport, turn } = this.#options;
    await turn();
    const done = nodes.report(nodeName, report);
    onNodeReport();
    await done;
  }

  staticPodsDigest(): string | undefined {
    return this.#options.mirrors.digestOf(this.#options.nodeName);
  }

  async staticPods(pods: StaticPodReport[]): Promise<void> {
    await this.#options.turn();
    this.#options.mirrors.told(this.#options.nodeName, pods);
  }

  admitted(signal: AbortSignal): Promise<boolean> {
    return this.#options.nodes.exists(this.#options.nodeName, signal);
  }

  async pod(report: PodReport): Promise<void> {
    await this.#options.turn();
    await this.#options.statuses.report(this.#options.nodeName, report);
  }

  async event(report: EventReport): Promise<void> {
    const { nodeName, pods, events, mirrors, log } = this.#options;
    const pod = pods.get(report.pod.namespace, report.pod.name);
    const isItsPod = pod?.spec.nodeName === nodeName && nodeUidOf(pod) === report.pod.uid;
    if (!isItsPod && !mirrors.shows(nodeName, report.pod)) {
      log.debug({ pod: report.pod, reason: report.reason }, 'event of another pod dropped');
      return;
    }
    await this.#options.turn();
    await events.write(eventObject(nodeName, report));
  }

  async token(wish: TokenRequest): Promise<TokenAnswer> {
    const { nodeName, pods, client, log } = this.#options;
    const plan = planToken(nodeName, pods.get(wish.pod.namespace, wish.pod.name), wish);
    if (!plan.ok) {
      log.warn({ pod: wish.pod, message: plan.message }, 'token refused');
      return { ...plan, retryable: false };
    }
    await this.#options.turn();
    const tooMany = await this.#tooManyTokens();
    if (tooMany !== undefined) {
      log.info({ pod: wish.pod, message: tooMany }, 'token put off: too many are asked for');
      return { ok: false, message: tooMany, retryable: true };
    }
    try {
      const answer = await client.create<TokenResponse>(resources.serviceAccounts, plan.request, {
        namespace: plan.namespace,
        name: plan.serviceAccount,
        subresource: 'token',
      });
      const { token, expirationTimestamp } = answer.status ?? {};
      if (token === undefined || expirationTimestamp === undefined) {
        return { ok: false, message: 'the API server gave no token', retryable: true };
      }
      return { ok: true, token, expirationTimestamp };
    } catch (error) {
      if (!isKubeApiError(error)) throw error;
      log.warn({ err: error, pod: wish.pod }, 'token not given by the API server');
      const final = isKubeApiError(error, 'FORBIDDEN', 'NOT_FOUND', 'INVALID', 'CONFLICT');
      return { ok: false, message: error.message, retryable: !final };
    }
  }

  /** Takes the site's turn for a token. @returns why it has none */
  async #tooManyTokens(): Promise<string | undefined> {
    const { takeToken, tokenRate } = this.#options;
    if (!(await takeToken())) return 'the site asks for more tokens than one may at a time';
    if (await tokenRate.turnWithin(maxTokenWaitMs)) return undefined;
    return 'the sites ask for more tokens than the API server is asked for at a time';
  }
}
