import type { Probe } from '../../kube/probe.ts';
import { probeByCommand, type Executor } from './exec-handler.ts';
import { probeByGrpc } from './grpc-handler.ts';
import { probeByHttp } from './http-handler.ts';
import { maxProbeTries } from './limits.ts';
import type { HandlerTarget, ProbeOutcome } from './probe-outcome.ts';
import { probeTimes } from './probe-times.ts';
import { probeByTcp } from './tcp-handler.ts';

/** Runs a probe once. Never rejects; an outcome after the signal has aborted means nothing. */
export type RunProbe = (
  probe: Probe,
  target: HandlerTarget,
  signal: AbortSignal,
) => Promise<ProbeOutcome>;

/** Runs probes on real containers. One that could not be carried out is tried again at once. */
export function createRunProbe(cri: Executor): RunProbe {
  return async (probe, target, signal) => {
    let outcome = await runOnce(cri, probe, target, signal);
    for (let tries = 1; tries < maxProbeTries && isRetried(outcome, signal); tries += 1) {
      outcome = await runOnce(cri, probe, target, signal);
    }
    return outcome;
  };
}

function isRetried({ result }: ProbeOutcome, signal: AbortSignal): boolean {
  return result === 'error' && !signal.aborted;
}

function runOnce(
  cri: Executor,
  probe: Probe,
  target: HandlerTarget,
  signal: AbortSignal,
): Promise<ProbeOutcome> {
  const options = { ...probeTimes(probe), signal };
  if (probe.exec !== undefined) return probeByCommand(cri, probe.exec, target, options);
  if (probe.httpGet !== undefined) return probeByHttp(probe.httpGet, target, options);
  if (probe.tcpSocket !== undefined) return probeByTcp(probe.tcpSocket, target, options);
  if (probe.grpc !== undefined) return probeByGrpc(probe.grpc, target, options);
  const output = `missing probe handler for ${target.container.name}`;
  return Promise.resolve({ result: 'error', output });
}
