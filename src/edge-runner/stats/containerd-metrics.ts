import { get, type IncomingMessage } from 'node:http';
import { containerdMetricsTimeoutMs, maxContainerdMetricsBytes } from './limits.ts';

/** Families that every process has: in one answer with the runner's own they would clash. */
const ofAnyProcess = /^(# (HELP|TYPE) )?(go|process|promhttp)_/;

/**
 * containerd's own metrics from the address of `[metrics]` in its configuration, without those of
 * its process; '' when nobody answers there. Never rejects.
 */
export async function containerdMetrics(address: string | undefined): Promise<string> {
  if (address === undefined) return '';
  try {
    const response = await answer(`http://${address}/v1/metrics`);
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > maxContainerdMetricsBytes) return '';
      chunks.push(chunk);
    }
    if (response.statusCode !== 200) return '';
    const lines = Buffer.concat(chunks).toString('utf8').split('\n');
    return lines
      .filter((line) => line !== '' && !ofAnyProcess.test(line))
      .map((line) => `${line}\n`)
      .join('');
  } catch {
    return '';
  }
}

function answer(url: string): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const signal = AbortSignal.timeout(containerdMetricsTimeoutMs);
  get(url, { signal, agent: false }, resolve).on('error', reject);
  return promise;
}
