import type { Pod, ServiceAccountTokenProjection } from '../../kube/api.ts';
import type { NodeReport, StaticPodReport } from '../../protocol/report.ts';
import type { Session } from '../../tunnel/session.ts';
import { RunnerError } from '../errors.ts';
import type { IssuedToken } from '../pod/service-account-tokens.ts';
import type { Outbox } from './outbox.ts';
import { ReportExchange } from './report-exchange.ts';

interface ReportClientOptions {
  outbox: Outbox;
  /** The newest facts about the device. */
  nodeReport: () => NodeReport;
  /** All static pods of the device. */
  staticPods: () => StaticPodReport[];
  /** The provider takes reports and requests again, after a time without a link. */
  onConnected: () => void;
}

/** The runner's end of the report stream, whenever there is one. */
export class ReportClient {
  readonly #options: ReportClientOptions;
  #ready: ReportExchange | undefined;

  constructor(options: ReportClientOptions) {
    this.#options = options;
    options.outbox.onReady(() => this.#ready?.sendReports());
  }

  /**
   * Holds one exchange until the stream or the signal ends it.
   * @throws ProtocolError or TunnelError; the caller opens a new stream then.
   */
  async run(session: Session, signal: AbortSignal): Promise<void> {
    const { outbox, nodeReport, staticPods } = this.#options;
    const stream = session.open('control');
    const exchange = new ReportExchange({
      ...{ stream, outbox, nodeReport, staticPods },
      onBegin: () => {
        this.#ready = exchange;
        this.#options.onConnected();
      },
    });
    const abort = (): void => void stream.destroy();
    signal.addEventListener('abort', abort, { once: true });
    try {
      await exchange.run(signal);
    } finally {
      signal.removeEventListener('abort', abort);
      stream.destroy();
      if (this.#ready === exchange) this.#ready = undefined;
      // What the newest stream has meanwhile left untouched is offered to it again.
      this.#ready?.sendReports();
    }
  }

  /** Tells the provider of changed facts about the device; without a link the next one brings them. */
  nodeChanged(): void {
    this.#ready?.sendNode();
  }

  /** The same of the device's static pods, before more is said of them. */
  staticPodsChanged(): void {
    this.#ready?.sendStaticPods();
  }

  /** @throws RunnerError `CLOUD_UNREACHABLE` without a link, `CLOUD_REFUSED` when the cloud says no. */
  async requestToken(pod: Pod, projection: ServiceAccountTokenProjection): Promise<IssuedToken> {
    const { name, namespace = '', uid = '' } = pod.metadata;
    const serviceAccount = pod.spec.serviceAccountName ?? 'default';
    if (this.#ready === undefined) {
      throw new RunnerError(
        'CLOUD_UNREACHABLE',
        `no token for service account ${serviceAccount}: the site is not connected`,
      );
    }
    return this.#ready.requestToken({
      ...{ pod: { name, namespace, uid }, serviceAccount },
      audiences: projection.audience === undefined ? [] : [projection.audience],
      expirationSeconds: projection.expirationSeconds ?? 3600,
    });
  }
}
