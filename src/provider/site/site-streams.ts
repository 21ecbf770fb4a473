import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import { ProtocolError } from '../../protocol/errors.ts';
import type { ReportFromProvider } from '../../protocol/report.ts';
import {
  protocolVersion,
  type RunnerStreamHead,
  type SyncHead,
} from '../../protocol/stream-head.ts';
import { type DesiredObject, desiredKinds, type SyncFromProvider } from '../../protocol/sync.ts';
import { DesiredSite, type DesiredSources } from '../desired/desired-site.ts';
import type { HeldObjects } from '../desired/plan-delta.ts';
import { PastVersions } from '../desired/past-versions.ts';
import { SyncServer } from '../desired/sync-server.ts';
import { takenKinds } from '../desired/taken-kinds.ts';
import type { BoundPods } from '../pod/pod-index.ts';
import { type ReportSink, ReportServer } from '../report/report-server.ts';
import { messageStream } from './message-stream.ts';

export interface SiteStreamsOptions {
  pods: BoundPods;
  sources: DesiredSources;
  /** Waits until the site has its Node, and so a claim on the pods bound to it; false when given up. */
  nodeExists: (nodeName: string, signal: AbortSignal) => Promise<boolean>;
  reports: (nodeName: string) => ReportSink;
  onOversized: (object: DesiredObject) => void;
  /** Told what a site has acknowledged to hold, and which pods still end there (see SyncServerOptions). */
  onHeld?: (nodeName: string, held: HeldObjects, ending: readonly string[] | undefined) => void;
  log: Logger;
}

/** Serves the streams that runners open: `sync` and `report`. */
export class SiteStreams {
  readonly #options: SiteStreamsOptions;
  readonly #past = new PastVersions();

  constructor(options: SiteStreamsOptions) {
    this.#options = options;
  }

  /**
   * Serves a stream to its end.
   * @throws ProtocolError, or the stream's error.
   */
  async serve(nodeName: string, stream: Duplex, head: RunnerStreamHead): Promise<void> {
    const log = this.#options.log.child({ node: nodeName, stream: head.type });
    if (head.type === 'report') {
      const sink = this.#options.reports(nodeName);
      await new ReportServer({
        stream: messageStream<ReportFromProvider>(stream),
        sink,
        log,
      }).run();
      return;
    }
    if (head.protocolVersion !== protocolVersion) {
      throw new ProtocolError(
        'VERSION_UNSUPPORTED',
        `runner ${head.runnerVersion} speaks version ${head.protocolVersion}, not ${protocolVersion}`,
      );
    }
    await this.#sync(nodeName, stream, head, log);
  }

  async #sync(nodeName: string, stream: Duplex, head: SyncHead, log: Logger): Promise<void> {
    const kinds = takenKinds(head.kinds);
    const withheld = desiredKinds.filter((kind) => !kinds.has(kind));
    if (withheld.length > 0) log.info({ runner: head.runnerVersion, withheld }, 'older runner');
    const closed = new AbortController();
    stream.once('close', () => {
      closed.abort();
    });
    if (stream.destroyed || !(await this.#options.nodeExists(nodeName, closed.signal))) return;
    const { pods, sources, onOversized, onHeld } = this.#options;
    const desired = new DesiredSite({
      nodeName,
      pods,
      sources,
      kinds,
      onChange: () => {
        server.changed();
      },
    });
    const server = new SyncServer({
      stream: messageStream<SyncFromProvider>(stream),
      wanted: desired,
      past: head.patches === true ? this.#past : undefined,
      onOversized,
      onHeld: (held, ending) => onHeld?.(nodeName, held, ending),
      log,
    });
    try {
      await server.run();
    } finally {
      desired.close();
    }
  }
}
