import { setTimeout as delay } from 'node:timers/promises';
import { ProtocolError } from '../../protocol/errors.ts';
import { maxWaitingSiteWrites, siteTokenRequests, siteWrites } from '../limits.ts';
import { WriteRate } from './write-rate.ts';

interface SiteRate {
  rate: WriteRate;
  tokens: WriteRate;
  waiting: number;
}

/**
 * Bounds what one site has written to the API by its reports, so that it can't take the share of
 * others. Kept by node name, for a site may open a new stream for each report.
 */
export class SiteWriteRates {
  readonly #sites = new Map<string, SiteRate>();
  readonly #sleep: (ms: number) => Promise<void>;
  readonly #nowMs: (() => number) | undefined;

  constructor(sleep: (ms: number) => Promise<void> = delay, nowMs?: () => number) {
    this.#sleep = sleep;
    this.#nowMs = nowMs;
  }

  /**
   * Resolves when the site may have one more thing written.
   * @throws ProtocolError `TOO_MANY_REPORTS` when more are waiting than an honest site has
   */
  async turn(nodeName: string): Promise<void> {
    const site = this.#siteOf(nodeName);
    if (site.waiting >= maxWaitingSiteWrites) {
      throw new ProtocolError(
        'TOO_MANY_REPORTS',
        `${site.waiting} reports of ${nodeName} wait already`,
      );
    }
    const waitMs = site.rate.take();
    if (waitMs === 0) return;
    site.waiting += 1;
    try {
      await this.#sleep(waitMs);
    } finally {
      site.waiting -= 1;
    }
  }

  /**
   * Takes one of the tokens that a site may ask for; false, without waiting, when there is none. They wait for a
   * rate of all sites, which a few must not fill.
   */
  takeToken(nodeName: string): Promise<boolean> {
    return this.#siteOf(nodeName).tokens.turnWithin(0);
  }

  /** The Site is gone. */
  forget(nodeName: string): void {
    this.#sites.delete(nodeName);
  }

  #siteOf(nodeName: string): SiteRate {
    const known = this.#sites.get(nodeName);
    if (known !== undefined) return known;
    const site = {
      rate: new WriteRate(siteWrites, this.#nowMs),
      tokens: new WriteRate(siteTokenRequests, this.#nowMs),
      waiting: 0,
    };
    this.#sites.set(nodeName, site);
    return site;
  }
}
