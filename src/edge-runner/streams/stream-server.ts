import type { Logger } from 'pino';
import { ProtocolError } from '../../protocol/errors.ts';
import { maxHeadBytes } from '../../protocol/limits.ts';
import { parseMessage } from '../../protocol/parse.ts';
import {
  isInteractive,
  providerStreamHead,
  type CertificateHead,
  type ProviderStreamHead,
  type ProviderStreamReply,
} from '../../protocol/stream-head.ts';
import { TunnelError } from '../../tunnel/errors.ts';
import { FrameReader, writeFrame } from '../../tunnel/json-frame.ts';
import type { TunnelStream } from '../../tunnel/stream.ts';
import { CriError } from '../cri/cri-error.ts';
import type { CriClient } from '../cri/cri-client.ts';
import { JoinError } from '../join/errors.ts';
import { HostError } from '../host/host-error.ts';
import { LogError } from '../logs/log-error.ts';
import type { PodManager } from '../pod/pod-manager.ts';
import type { NodeEndpoints } from '../stats/node-endpoints.ts';
import { relayStreaming } from './relay-streaming.ts';
import { Runs, serveCheckpoint, serveRun } from './run-in-container.ts';
import { serveLogs } from './serve-logs.ts';
import { serveHostLog, serveStats } from './serve-stats.ts';
import { StreamRefusal } from './stream-refusal.ts';

export interface StreamServerOptions {
  pods: PodManager;
  cri: CriClient;
  /** Takes a new certificate. Rejects with JoinError. */
  onCertificate: (head: CertificateHead) => Promise<void>;
  /** Stops all pods and forgets what is desired. */
  onLeave: () => Promise<void>;
  endpoints: NodeEndpoints;
  /** The folder of the device's own logs. */
  hostLogRoot: string;
  /** The folder of checkpoints of containers. */
  checkpointDir: string;
  log: Logger;
}

/** Answers the streams that the provider opens. */
export class StreamServer {
  readonly #options: StreamServerOptions;
  readonly #runs = new Runs();

  constructor(options: StreamServerOptions) {
    this.#options = options;
  }

  /** Takes one inbound stream; it is answered, served and closed. Never throws. */
  accept(stream: TunnelStream): void {
    this.#serve(stream).catch((error: unknown) => {
      stream.destroy();
      if (error instanceof TunnelError) return;
      this.#options.log.warn({ err: error }, 'a stream of the provider failed');
    });
  }

  async #serve(stream: TunnelStream): Promise<void> {
    const reader = new FrameReader(stream, maxHeadBytes);
    const frame = await reader.read();
    reader.release();
    try {
      await this.#dispatch(stream, parseMessage(providerStreamHead, frame));
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal === undefined || stream.destroyed) throw error;
      const reply: ProviderStreamReply = { ok: false, ...refusal };
      await writeFrame(stream, reply);
      stream.end();
      stream.resume();
    }
  }

  #dispatch(stream: TunnelStream, head: ProviderStreamHead): Promise<void> {
    stream.streamClass = isInteractive(head) ? 'interactive' : 'bulk';
    switch (head.type) {
      case 'logs':
        return serveLogs(stream, head, this.#options);
      case 'exec':
      case 'attach':
      case 'port-forward':
        return relayStreaming(stream, head, this.#options);
      case 'certificate':
        return this.#obey(stream, this.#options.onCertificate(head));
      case 'leave':
        return this.#obey(stream, this.#options.onLeave());
      case 'stats':
        return serveStats(stream, head, this.#options);
      case 'host-log':
        return serveHostLog(stream, head, this.#options);
      case 'run':
        return serveRun(stream, head, { ...this.#options, runs: this.#runs });
      case 'checkpoint':
        return serveCheckpoint(stream, head, this.#options);
    }
  }

  async #obey(stream: TunnelStream, done: Promise<void>): Promise<void> {
    await done;
    const reply: ProviderStreamReply = { ok: true };
    await writeFrame(stream, reply);
    stream.end();
    stream.resume();
  }
}

/** What a kubelet would answer, with the HTTP status; undefined for a failure that has no answer. */
function refusalOf(error: unknown): { status: number; message: string } | undefined {
  if (error instanceof StreamRefusal) return { status: error.status, message: error.message };
  if (error instanceof ProtocolError) return { status: 400, message: error.message };
  if (error instanceof LogError) {
    return { status: error.code === 'LOG_BAD_OPTION' ? 400 : 500, message: error.message };
  }
  if (error instanceof JoinError) return { status: 500, message: error.message };
  if (error instanceof HostError) return { status: 500, message: error.message };
  if (error instanceof CriError) {
    return { status: error.code === 'NOT_FOUND' ? 404 : 500, message: error.detail };
  }
  return undefined;
}
