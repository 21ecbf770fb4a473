import type { Container, ContainerState, ContainerStatus, Pod, Volume } from '../../kube/api.ts';
import { formatAge, formatTable } from '../../kube/table.ts';
import type { EventReport } from '../../protocol/report.ts';
import { statusText } from './pod-table.ts';

/** A pod in the manner of `kubectl describe pod`, with the events that the device remembers. */
export function describePod(pod: Pod, events: readonly EventReport[], nowMs: number): string {
  const { metadata, spec, status = {} } = pod;
  const { initContainerStatuses = [], containerStatuses = [] } = status;
  return [
    ...fields([
      ['Name', metadata.name],
      ['Namespace', metadata.namespace],
      ['UID', metadata.uid],
      ['Priority', spec.priority ?? 0],
      ['Service Account', spec.serviceAccountName],
      ['Created', metadata.creationTimestamp],
      ['Start Time', status.startTime],
      ['Labels', pairs(metadata.labels)],
      ['Status', statusText(pod)],
      ['Reason', status.reason],
      ['Message', status.message],
      ['IP', status.podIP],
      ['QoS Class', status.qosClass],
    ]),
    ...containers('Init Containers', spec.initContainers ?? [], initContainerStatuses),
    ...containers('Containers', spec.containers, containerStatuses),
    'Conditions:',
    ...indent(
      formatTable(
        ['Type', 'Status', 'Reason'],
        (status.conditions ?? []).map(({ type, status: is, reason }) => [type, is, reason ?? '']),
      ),
    ),
    'Volumes:',
    ...(spec.volumes?.map((volume) => `  ${volume.name}: ${volumeText(volume)}`) ?? ['  <none>']),
    'Events:',
    ...indent(eventTable(events, nowMs)),
    '',
  ].join('\n');
}

function containers(
  title: string,
  specs: readonly Container[],
  statuses: readonly ContainerStatus[],
): string[] {
  if (specs.length === 0) return [];
  return [
    `${title}:`,
    ...specs.flatMap((container) => {
      const status = statuses.find(({ name }) => name === container.name);
      return [
        `  ${container.name}:`,
        ...containerFields(container, status).map((line) => `    ${line}`),
      ];
    }),
  ];
}

function containerFields(container: Container, status: ContainerStatus | undefined): string[] {
  return fields([
    ['Container ID', status?.containerID],
    ['Image', container.image],
    ['Command', container.command?.join(' ')],
    ['Args', container.args?.join(' ')],
    [
      'Ports',
      container.ports
        ?.map(({ containerPort, protocol = 'TCP', hostPort }) =>
          hostPort === undefined
            ? `${containerPort}/${protocol}`
            : `${containerPort}/${protocol} at the device's ${hostPort}`,
        )
        .join(', '),
    ],
    ['Limits', pairs(container.resources?.limits)],
    ['Requests', pairs(container.resources?.requests)],
    ['State', stateText(status?.state)],
    ['Last State', stateText(status?.lastState)],
    ['Ready', status?.ready],
    ['Restart Count', status?.restartCount],
    [
      'Mounts',
      container.volumeMounts?.map(({ name, mountPath }) => `${mountPath} from ${name}`).join(', '),
    ],
  ]);
}

function stateText(state: ContainerState | undefined): string | undefined {
  const { running, waiting, terminated } = state ?? {};
  if (running !== undefined) return `Running since ${running.startedAt ?? 'unknown'}`;
  if (waiting !== undefined) return join('Waiting', waiting.reason, waiting.message);
  if (terminated === undefined) return undefined;
  const { exitCode, reason, startedAt = '?', finishedAt = '?', message } = terminated;
  return join(
    'Terminated',
    reason,
    `exit code ${exitCode}, ran from ${startedAt} to ${finishedAt}`,
    message,
  );
}

function join(...parts: readonly (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined && part !== '').join(': ');
}

function volumeText(volume: Volume): string {
  const sources = Object.entries<unknown>({ ...volume }).filter(([key]) => key !== 'name');
  const [kind, value] = sources[0] ?? ['emptyDir', {}];
  return `${kind} ${JSON.stringify(value)}`;
}

function eventTable(events: readonly EventReport[], nowMs: number): string {
  if (events.length === 0) return '<none>\n';
  return formatTable(
    ['Type', 'Reason', 'Age', 'Message'],
    events.map(({ type, reason, count, lastTimestamp, message }) => {
      const age = formatAge(lastTimestamp, nowMs);
      return [type, reason, count > 1 ? `${age} (x${count})` : age, message];
    }),
  );
}

function pairs(labels: Record<string, string> = {}): string | undefined {
  const all = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
  return all.length === 0 ? undefined : all.join(',');
}

/** `Name:   value`, aligned; without what is not known. */
function fields(
  all: readonly (readonly [string, string | number | boolean | undefined])[],
): string[] {
  return all
    .filter(([, value]) => value !== undefined && value !== '')
    .map(([name, value]) => `${`${name}:`.padEnd(17)} ${value ?? ''}`);
}

function indent(text: string): string[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => `  ${line}`);
}
