import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import type { ProviderStreamHead } from '../../protocol/stream-head.ts';
import type { StreamClass } from '../../tunnel/stream.ts';
import { SiteError } from './errors.ts';
import type { SitePeer } from './site-peer.ts';
import {
  type InboundStream,
  SiteSession,
  type StreamServer,
  type TunnelSession,
} from './site-session.ts';

/**
 * How it stands with a site's connection. `away`: gone, and not yet for longer than the grace;
 * `lost`: for longer.
 */
export type LinkState = 'connected' | 'away' | 'lost';

export interface SiteRegistryOptions {
  /** How long a site may be away before it counts as lost, in ms. */
  graceMs: number;
  log: Logger;
}

/** Who is told of a site that connects, breaks off, or stays away too long. */
export type LinkListener = (nodeName: string) => void;

/** How a connection's inbound streams get to its `SiteSession`. */
export type OnStream = (stream: InboundStream) => void;

interface Away {
  /** When the connection broke, ms since 1970. */
  lastSeenMs: number;
  timer: NodeJS.Timeout;
  lost: boolean;
}

/**
 * The sites that are connected to this process, by node name. A second connection of a site takes
 * the place of the first. A site that this process has never seen is away since the start of it.
 */
export class SiteRegistry {
  readonly #options: SiteRegistryOptions;
  readonly #sessions = new Map<string, SiteSession>();
  readonly #away = new Map<string, Away>();
  readonly #listeners = new Set<LinkListener>();
  #epoch = 0;
  #startGraceOver = false;
  #startTimer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: SiteRegistryOptions) {
    this.#options = options;
  }

  /**
   * Starts the grace of the sites that were connected before this process began. `nodeNames` gives
   * the names to tell listeners of when it is over.
   */
  start(nodeNames: () => Iterable<string>): void {
    this.#startTimer = setTimeout(() => {
      this.#startGraceOver = true;
      for (const nodeName of nodeNames()) {
        if (this.linkState(nodeName) === 'lost') this.#tell(nodeName);
      }
    }, this.#options.graceMs);
  }

  /** Takes a connection over. @returns where its inbound streams go. */
  connect(
    nodeName: string,
    session: TunnelSession,
    serve: StreamServer,
    peer?: SitePeer,
  ): OnStream {
    const epoch = (this.#epoch += 1);
    const log = this.#options.log.child({ node: nodeName, epoch });
    const site = new SiteSession({ nodeName, epoch, session, serve, log, peer });
    const previous = this.#sessions.get(nodeName);
    this.#sessions.set(nodeName, site);
    clearTimeout(this.#away.get(nodeName)?.timer);
    this.#away.delete(nodeName);
    previous?.replace();
    log.info({ replaced: previous?.epoch }, 'site connected');
    void site.closed.then((reason) => {
      log.info({ reason: reason.message }, 'connection of the site ended');
      this.#disconnected(site);
    });
    this.#tell(nodeName);
    return (stream) => {
      site.accept(stream);
    };
  }

  /** The connection of a site, if there is one. */
  get(nodeName: string): SiteSession | undefined {
    return this.#sessions.get(nodeName);
  }

  /**
   * Opens a stream to a site and sends its head.
   * @throws SiteError `SITE_DISCONNECTED`, or the tunnel's error.
   */
  open(nodeName: string, head: ProviderStreamHead, streamClass: StreamClass): Duplex {
    const site = this.#sessions.get(nodeName);
    if (site !== undefined) return site.open(head, streamClass);
    const lastSeenMs = this.#away.get(nodeName)?.lastSeenMs;
    const since =
      lastSeenMs === undefined ? '' : `, last seen ${new Date(lastSeenMs).toISOString()}`;
    throw new SiteError('SITE_DISCONNECTED', `site of node ${nodeName} is not connected${since}`);
  }

  linkState(nodeName: string): LinkState {
    if (this.#sessions.has(nodeName)) return 'connected';
    const away = this.#away.get(nodeName);
    const lost = away === undefined ? this.#startGraceOver : away.lost;
    return lost ? 'lost' : 'away';
  }

  /** When this process last had a connection of the site that is away, ms since 1970. */
  lastSeenMs(nodeName: string): number | undefined {
    return this.#away.get(nodeName)?.lastSeenMs;
  }

  nodeNames(): string[] {
    return [...this.#sessions.keys()];
  }

  subscribe(listener: LinkListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Ends a site's connection and forgets it. */
  forget(nodeName: string): void {
    this.#sessions.get(nodeName)?.dismiss(`the site of node ${nodeName} was deleted`);
    this.#sessions.delete(nodeName);
    clearTimeout(this.#away.get(nodeName)?.timer);
    this.#away.delete(nodeName);
  }

  /** Sends all sites away. Their nodes are left as they are: they will connect elsewhere, or again. */
  async stop(graceMs: number): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#startTimer);
    for (const { timer } of this.#away.values()) clearTimeout(timer);
    await Promise.all([...this.#sessions.values()].map((site) => site.drain(graceMs)));
  }

  #disconnected(site: SiteSession): void {
    const { nodeName } = site;
    if (this.#sessions.get(nodeName) !== site) return;
    this.#sessions.delete(nodeName);
    if (this.#stopped) return;
    const away: Away = {
      lastSeenMs: Date.now(),
      lost: false,
      timer: setTimeout(() => {
        away.lost = true;
        this.#tell(nodeName);
      }, this.#options.graceMs),
    };
    this.#away.set(nodeName, away);
    this.#tell(nodeName);
  }

  #tell(nodeName: string): void {
    for (const listener of [...this.#listeners]) listener(nodeName);
  }
}
