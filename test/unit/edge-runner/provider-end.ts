import { PassThrough } from 'node:stream';
import { FrameReader, writeFrame } from '../../../src/tunnel/json-frame.ts';
import { Session } from '../../../src/tunnel/session.ts';
import type { TunnelStream } from '../../../src/tunnel/stream.ts';
import { memoryPair } from '../tunnel/memory-carrier.ts';

/** A tunnel in memory: the runner's session, and the streams that reach the provider. */
export class ProviderEnd {
  readonly session: Session;
  readonly #server: Session;
  readonly #arrivals = new PassThrough({ objectMode: true, highWaterMark: 100 });
  readonly #streams = this.#arrivals[Symbol.asyncIterator]() as AsyncIterator<
    TunnelStream,
    TunnelStream
  >;

  constructor() {
    const [near, far] = memoryPair();
    this.session = new Session(near, { role: 'client', onStream: () => undefined });
    this.#server = new Session(far, {
      role: 'server',
      onStream: (stream) => this.#arrivals.write(stream),
    });
  }

  /** The next stream that the runner opens, after its head. */
  async accept(): Promise<ProviderStream> {
    const stream = new ProviderStream((await this.#streams.next()).value);
    stream.head = await stream.read();
    return stream;
  }

  close(): void {
    this.session.close();
    this.#server.close();
  }
}

export class ProviderStream {
  head: Record<string, unknown> = {};
  readonly #stream: TunnelStream;
  readonly #reader: FrameReader;

  constructor(stream: TunnelStream) {
    this.#stream = stream;
    this.#reader = new FrameReader(stream, 1024 * 1024);
  }

  async read(): Promise<Record<string, unknown>> {
    return (await this.#reader.read()) as Record<string, unknown>;
  }

  async send(message: object): Promise<void> {
    await writeFrame(this.#stream, message);
  }

  destroy(): void {
    this.#stream.destroy();
  }
}
