import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AddressInfo } from 'node:net';
import { WebSocketServer, type WebSocket } from 'ws';
import { TunnelUpgrader } from '../src/tunnel/accept.ts';
import { writeFrame } from '../src/tunnel/json-frame.ts';
import type { Session } from '../src/tunnel/session.ts';
import type { TunnelStream } from '../src/tunnel/stream.ts';
import { testCertificates } from '../test/unit/tunnel/certificates.ts';
import type { Task } from './tunnel-device.ts';

export interface DeviceOptions {
  sessions?: number;
  /** Words in front of the command, for example to enter a network namespace. */
  prefix?: string[];
  /** Address of the provider as the device sees it. */
  host?: string;
}

/** The provider's end, in this process, and devices in processes of their own. */
export class BenchProvider {
  readonly #server: Server;
  readonly #certificates;
  readonly #folder = mkdtempSync(join(tmpdir(), 'tunnel-bench-'));
  readonly #arrivals: (Session | WebSocket)[] = [];
  #arrived: () => void = () => undefined;

  constructor(names: string[] = ['127.0.0.1']) {
    this.#certificates = testCertificates(names);
    const { serverKey: key, serverCert: cert, ca } = this.#certificates;
    this.#server = createServer({ key, cert, ca, requestCert: true, minVersion: 'TLSv1.3' });
    const upgrader = new TunnelUpgrader();
    const raw = new WebSocketServer({ noServer: true, perMessageDeflate: false });
    this.#server.on('upgrade', (request, socket, head) => {
      if (request.url === '/raw') {
        raw.handleUpgrade(request, socket, head, (ws) => {
          this.#arrive(ws);
        });
        return;
      }
      const onStream = (stream: TunnelStream): unknown => stream.destroy();
      void upgrader.upgrade(request, socket, head, { onStream }).then((session) => {
        this.#arrive(session);
      });
    });
  }

  async start(): Promise<void> {
    this.#server.listen(0, '0.0.0.0');
    await once(this.#server, 'listening');
  }

  stop(): void {
    this.#server.close();
    rmSync(this.#folder, { recursive: true });
  }

  /** Starts a device and gives its connections; the last element ends it. */
  async tunnel(options: DeviceOptions = {}): Promise<{ sessions: Session[]; stop: () => void }> {
    const sessions = options.sessions ?? 1;
    const stop = this.#device('tunnel', options);
    const arrived = await this.#take(sessions);
    return { sessions: arrived as Session[], stop };
  }

  async raw(): Promise<{ ws: WebSocket; stop: () => void }> {
    const stop = this.#device('raw', {});
    const [ws] = (await this.#take(1)) as WebSocket[];
    if (!ws) throw new TypeError('no connection');
    return { ws, stop };
  }

  #device(
    kind: 'tunnel' | 'raw',
    { sessions = 1, prefix = [], host = '127.0.0.1' }: DeviceOptions,
  ): () => void {
    const { port } = this.#server.address() as AddressInfo;
    const address = `wss://${host}:${port}/${kind}`;
    const file = join(this.#folder, `${kind}-${sessions}.json`);
    const tls = this.#certificates.client;
    writeFileSync(file, JSON.stringify({ kind, address, sessions, tls }), { mode: 0o600 });
    const script = join(import.meta.dirname, 'tunnel-device.ts');
    const words = [...prefix, process.execPath, script, file];
    const child = spawn(words[0] ?? process.execPath, words.slice(1), {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    return () => {
      child.kill('SIGTERM');
    };
  }

  #arrive(connection: Session | WebSocket): void {
    this.#arrivals.push(connection);
    this.#arrived();
  }

  async #take(count: number): Promise<(Session | WebSocket)[]> {
    while (this.#arrivals.length < count) {
      await new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
    }
    return this.#arrivals.splice(0, count);
  }
}

/** Opens a stream to a device and gives it the task. */
export async function openTask(session: Session, task: Task): Promise<TunnelStream> {
  const stream = session.open(task.streamClass);
  await writeFrame(stream, task);
  return stream;
}
