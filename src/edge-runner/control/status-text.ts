import { formatAge } from '../../kube/table.ts';
import type { PodNetworkView } from '../network/pod-network.ts';
import type { CloudAnswer, StatusAnswer } from './messages.ts';

/** How the device is, in lines for a person at it. */
export function formatStatus(status: StatusAnswer, nowMs: number): string {
  const { runtime, unsent, pods, podNetwork, pressure = [] } = status;
  const up = formatAge(status.startedAt, nowMs);
  const lines: (readonly [string, string])[] = [
    ['Site', `${status.tenant}/${status.site}`],
    ['Node', status.nodeName],
    ['Runner', `${status.runnerVersion}, since ${status.startedAt} (${up})`],
    ['Cloud', cloudText(status.cloud, nowMs)],
    ['Runtime', `${runtime.version}, ${runtime.ready ? 'ready' : `not ready: ${runtime.message}`}`],
    ...(podNetwork === undefined ? [] : ([['Network', networkText(podNetwork)]] as const)),
    ...(pressure.length === 0 ? [] : ([['Pressure', pressure.join(', ')]] as const)),
    ['Pods', `${pods.total}, ${pods.ready} of them ready`],
    ['Unsent', `${count(unsent.pods, 'pod status', 'es')}, ${count(unsent.events, 'event', 's')}`],
  ];
  return lines.map(([name, value]) => `${`${name}:`.padEnd(9)} ${value}\n`).join('');
}

function cloudText(
  { connected, address, since, lastSeen, error }: CloudAnswer,
  nowMs: number,
): string {
  if (connected) {
    return `connected to ${address ?? '?'} since ${since ?? '?'} (${formatAge(since, nowMs)})`;
  }
  const seen =
    lastSeen === undefined
      ? 'never seen'
      : `last seen ${lastSeen} (${formatAge(lastSeen, nowMs)} ago)`;
  return `not connected, ${seen}${error === undefined ? '' : `: ${error}`}`;
}

function networkText({ configuredBy, ranges, note }: PodNetworkView): string {
  const what = {
    runner: ranges.join(', '),
    others: 'by a CNI configuration of somebody else',
    nobody: 'there is none',
  };
  return [what[configuredBy], ...(note === undefined ? [] : [note])].join('; ');
}

function count(n: number, word: string, plural: string): string {
  return `${n} ${word}${n === 1 ? '' : plural}`;
}
