import { once } from 'node:events';
import { type Duplex, duplexPair } from 'node:stream';
import { gzipSync } from 'node:zlib';
import type { Pod } from '../../../../src/kube/api.ts';
import type {
  ProviderStreamHead,
  ProviderStreamReply,
} from '../../../../src/protocol/stream-head.ts';
import type { NodeDirectory } from '../../../../src/provider/kubelet-api/node-directory.ts';
import { writeFrame } from '../../../../src/tunnel/json-frame.ts';

export interface Opened {
  nodeName: string;
  head: ProviderStreamHead;
  streamClass: string;
  /** The site's end. */
  site: Duplex;
}

export const pod: Pod = {
  metadata: { name: 'web', namespace: 'shop', uid: 'uid-1' },
  spec: { containers: [{ name: 'app' }], initContainers: [{ name: 'init' }] },
};

/** A directory whose every node runs the pod `shop/web`; the test plays the site. */
export class SiteFake implements NodeDirectory {
  readonly opened: Opened[] = [];
  /** What `open` throws, if anything. */
  failure: Error | undefined;
  /** What the site answers at once to every stream, if anything. */
  answer: ProviderStreamReply | undefined;
  /** What it says to `stats` and `host-log` where `answer` isn't set. */
  endpointBody: Buffer = gzipSync('ok');
  readonly #events = new EventTarget();

  async open(nodeName: string, head: ProviderStreamHead, streamClass: string): Promise<Duplex> {
    await Promise.resolve();
    if (this.failure !== undefined) throw this.failure;
    const [provider, site] = duplexPair();
    // As a tunnel stream does: nobody must listen, and one end's death is the other's.
    for (const [end, other] of [
      [provider, site],
      [site, provider],
    ] as const) {
      end.on('error', () => undefined);
      end.on('close', () => other.destroy());
    }
    this.opened.push({ nodeName, head, streamClass, site });
    this.#events.dispatchEvent(new Event('open'));
    if (this.answer !== undefined) await writeFrame(site, this.answer);
    else if (head.type === 'stats' || head.type === 'host-log') {
      await writeFrame(site, { ok: true });
      site.end(this.endpointBody);
    } else if (head.type === 'run' || head.type === 'checkpoint') {
      await writeFrame(site, { ok: true });
      site.end('done');
    }
    return provider;
  }

  pod(_nodeName: string, namespace: string, name: string): Pod | undefined {
    return namespace === 'shop' && name === 'web' ? pod : undefined;
  }

  pods(): Pod[] {
    return [pod];
  }

  /** The next stream that is opened, or the one that was. */
  async stream(): Promise<Opened> {
    for (;;) {
      const opened = this.opened.at(-1);
      if (opened !== undefined) return opened;
      await once(this.#events, 'open');
    }
  }

  async reply(reply: ProviderStreamReply): Promise<Opened> {
    const opened = await this.stream();
    await writeFrame(opened.site, reply);
    return opened;
  }
}
