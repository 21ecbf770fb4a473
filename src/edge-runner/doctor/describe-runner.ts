import { ControlClient, controlSocket } from '../control/control-client.ts';
import type { StatusAnswer } from '../control/messages.ts';
import { formatStatus } from '../control/status-text.ts';
import { RunnerError } from '../errors.ts';
import { redact } from './redact.ts';
import type { Section } from './section.ts';

/** What the running runner says of itself and of its connection, asked on its control socket. */
export async function describeRunner(memoryDir: string, signal: AbortSignal): Promise<Section> {
  const title = 'runner';
  try {
    const client = new ControlClient(controlSocket(memoryDir), signal);
    const status = await client.get<StatusAnswer>('/status');
    return { title, lines: redact(formatStatus(status, Date.now())).trim().split('\n') };
  } catch (error) {
    if (!(error instanceof RunnerError)) throw error;
    return { title, lines: [error.message] };
  }
}
