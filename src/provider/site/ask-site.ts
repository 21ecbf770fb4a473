import { maxHeadBytes } from '../../protocol/limits.ts';
import { parseMessage } from '../../protocol/parse.ts';
import {
  providerStreamReply,
  type ProviderStreamHead,
  type ProviderStreamReply,
} from '../../protocol/stream-head.ts';
import { FrameReader } from '../../tunnel/json-frame.ts';
import type { SiteSession } from './site-session.ts';

/**
 * Asks a site for something that has no other answer than its reply. Rejects with TunnelError or
 * ProtocolError, also when the connection or the time ends first.
 */
export async function askSite(
  session: SiteSession,
  head: ProviderStreamHead,
  options: { timeoutMs: number; signal: AbortSignal },
): Promise<ProviderStreamReply> {
  const stream = session.open(head, 'control');
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(options.timeoutMs)]);
  try {
    return parseMessage(
      providerStreamReply,
      await new FrameReader(stream, maxHeadBytes).read(signal),
    );
  } finally {
    stream.destroy();
  }
}
