import type { HandMadeRunner, HandMadeStream } from './hand-made-runner.ts';

/** A sync stream whose deltas are applied and acknowledged. */
export class FollowedSync {
  /** `Kind/namespace/name` */
  readonly held = new Set<string>();
  readonly #stream: HandMadeStream;

  private constructor(stream: HandMadeStream) {
    this.#stream = stream;
  }

  static async open(runner: HandMadeRunner): Promise<FollowedSync> {
    const sync = new FollowedSync(await runner.openSync());
    await sync.#stream.send({ type: 'held', objects: [] });
    await sync.#delta();
    return sync;
  }

  /** Follows until something of each beginning is held; with `!`, until nothing of it is. */
  async until(...wanted: readonly string[]): Promise<void> {
    const isSo = (text: string): boolean => {
      const beginning = text.replace(/^!/, '');
      const found = [...this.held].some((key) => key.startsWith(beginning));
      return found !== text.startsWith('!');
    };
    while (!wanted.every(isSo)) await this.#delta();
  }

  async #delta(): Promise<void> {
    const delta = (await this.#stream.read()) as unknown as Delta;
    for (const object of delta.remove) this.held.delete(keyOf(object));
    for (const object of delta.put) this.held.add(keyOf(object));
    await this.#stream.send({ type: 'ack', digest: delta.digest });
  }
}

interface Key {
  kind: string;
  namespace: string;
  name: string;
}

interface Delta {
  put: Key[];
  remove: Key[];
  digest: string;
}

function keyOf({ kind, namespace, name }: Key): string {
  return `${kind}/${namespace}/${name}`;
}
