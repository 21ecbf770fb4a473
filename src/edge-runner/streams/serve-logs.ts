import { pipeline } from 'node:stream/promises';
import type { LogsHead, ProviderStreamReply } from '../../protocol/stream-head.ts';
import { writeFrame } from '../../tunnel/json-frame.ts';
import type { TunnelStream } from '../../tunnel/stream.ts';
import { readContainerLog, type ContainerLogOptions } from '../logs/read-container-log.ts';
import type { PodManager } from '../pod/pod-manager.ts';
import { findLogged } from './find-container.ts';

/** Sends a container's log; with `follow` until the container has ended or the client is gone. */
export async function serveLogs(
  stream: TunnelStream,
  head: LogsHead,
  { pods }: { pods: PodManager },
): Promise<void> {
  const container = findLogged(pods, head, head.previous);
  const gone = new AbortController();
  const ended = new AbortController();
  stream.once('close', () => {
    gone.abort();
  });
  stream.resume();
  const unwatch = head.follow
    ? pods.onContainerEnd(container.id, () => {
        ended.abort();
      })
    : undefined;
  try {
    const reply: ProviderStreamReply = { ok: true };
    await writeFrame(stream, reply);
    const log = readContainerLog(container.logPath, logOptions(head), {
      signal: gone.signal,
      ended: ended.signal,
    });
    await pipeline(log, stream);
  } catch (error) {
    if (!gone.signal.aborted) throw error;
  } finally {
    unwatch?.();
  }
}

function logOptions(head: LogsHead): ContainerLogOptions {
  const { tailLines, sinceSeconds, sinceTime, limitBytes } = head;
  return {
    timestamps: head.timestamps,
    follow: head.follow,
    ...(tailLines === undefined ? {} : { tailLines }),
    ...(sinceSeconds === undefined ? {} : { sinceSeconds }),
    ...(sinceTime === undefined ? {} : { sinceTime }),
    ...(limitBytes === undefined ? {} : { limitBytes }),
  };
}
