import { pipeline } from 'node:stream/promises';
import type { Pod } from '../../kube/api.ts';
import type { EventReport } from '../../protocol/report.ts';
import { RunnerError } from '../errors.ts';
import { ControlClient, controlSocket } from './control-client.ts';
import {
  checkOutput,
  controlHelp,
  onlyName,
  parseControlArguments,
  parseCount,
  parseSince,
  usageError,
  type ControlArguments,
  type ControlCommand,
} from './control-options.ts';
import { defaultContainer } from './default-container.ts';
import { describePod } from './describe-pod.ts';
import { runExec, type Terminal } from './exec-session.ts';
import { logLevels } from './messages.ts';
import type { ExecAnswer, ExecRequest, LogsRequest, StatusAnswer } from './messages.ts';
import { formatPods } from './pod-table.ts';
import { formatStatus } from './status-text.ts';

export interface ControlIo extends Terminal {
  signal: AbortSignal;
}

/**
 * `towline-runner status|pods|describe|logs|exec|log-level`: asks the runner on this device. `argv` begins after
 * the command's name. @returns the exit status; every failure has been told in one line.
 */
export async function controlCommand(
  command: ControlCommand,
  argv: readonly string[],
  io: ControlIo,
): Promise<number> {
  try {
    const { values } = parseControlArguments(command, argv);
    if (values.help) {
      io.stdout.write(controlHelp[command]);
      return 0;
    }
    const client = new ControlClient(controlSocket(values['memory-dir']), io.signal);
    switch (command) {
      case 'status':
        return await status(parseControlArguments(command, argv), client, io);
      case 'pods':
        return await pods(parseControlArguments(command, argv), client, io);
      case 'describe':
        return await describe(parseControlArguments(command, argv), client, io);
      case 'logs':
        return await logs(parseControlArguments(command, argv), client, io);
      case 'exec':
        return await exec(parseControlArguments(command, argv), client, io);
      case 'log-level':
        return await logLevel(parseControlArguments(command, argv), client, io);
    }
  } catch (error) {
    if (!(error instanceof RunnerError)) throw error;
    io.stderr.write(`towline-runner ${command}: ${error.message}\n`);
    return 1;
  }
}

async function status(
  { values }: ControlArguments<'status'>,
  client: ControlClient,
  { stdout }: ControlIo,
): Promise<number> {
  checkOutput('status', values.output, ['json']);
  const answer = await client.get<StatusAnswer>('/status');
  stdout.write(values.output === 'json' ? asJson(answer) : formatStatus(answer, Date.now()));
  return 0;
}

async function pods(
  { values, names }: ControlArguments<'pods'>,
  client: ControlClient,
  { stdout, stderr }: ControlIo,
): Promise<number> {
  const { output, namespace } = values;
  checkOutput('pods', output, ['wide', 'json']);
  const name = names.length === 0 ? undefined : onlyName('pods', names);
  const all = await client.get<{ items: Pod[] }>('/pods');
  const items = chosen(all.items, namespace, name);
  if (name !== undefined && items.length === 0) throw noSuchPod(name);
  if (output === 'json') {
    stdout.write(asJson(name !== undefined && items.length === 1 ? items[0] : { ...all, items }));
  } else if (items.length === 0) {
    stderr.write('No pods found on this device.\n');
  } else {
    stdout.write(formatPods(items, { wide: output === 'wide', nowMs: Date.now() }));
  }
  return 0;
}

async function describe(
  { values, names }: ControlArguments<'describe'>,
  client: ControlClient,
  { stdout }: ControlIo,
): Promise<number> {
  const name = onlyName(
    'describe',
    names[0] === 'pod' && names.length > 1 ? names.slice(1) : names,
  );
  const { items } = await client.get<{ items: Pod[] }>('/pods');
  const found = chosen(items, values.namespace, name);
  if (found.length === 0) throw noSuchPod(name);
  const events = await client.get<EventReport[]>('/events');
  const texts = found.map((pod) => {
    const own = events.filter((event) => event.pod.uid === pod.metadata.uid);
    return describePod(pod, own, Date.now());
  });
  stdout.write(texts.join('\n\n'));
  return 0;
}

async function logs(
  { values, names }: ControlArguments<'logs'>,
  client: ControlClient,
  { stdout, stderr, signal }: ControlIo,
): Promise<number> {
  const { namespace, container, follow, previous, timestamps, tail, since } = values;
  const pod = onlyName('logs', names);
  if (container === undefined) await tellDefault(client, { pod, namespace }, stderr);
  const request: LogsRequest = {
    ...{ pod, namespace, container, follow, previous, timestamps },
    ...(tail === undefined ? {} : { tailLines: parseCount('logs', '--tail', tail) }),
    ...(since === undefined ? {} : { sinceSeconds: parseSince('logs', since) }),
  };
  try {
    await pipeline(client.stream('/logs', request), stdout, { end: false });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  return 0;
}

async function exec(
  { values, names, rest }: ControlArguments<'exec'>,
  client: ControlClient,
  { signal, ...terminal }: ControlIo,
): Promise<number> {
  const { namespace, container, stdin } = values;
  const pod = onlyName('exec', names.slice(0, 1));
  if (rest.length === 0) {
    const words = names.length > 1 ? names.slice(1).join(' ') : 'ls';
    throw usageError('exec', `say behind -- what to run, as in "exec ${pod} -- ${words}"`);
  }
  onlyName('exec', names);
  const tty = values.tty && terminal.stdin.isTTY === true;
  if (values.tty && !tty) terminal.stderr.write('there is no terminal: -t is ignored\n');
  if (container === undefined) await tellDefault(client, { pod, namespace }, terminal.stderr);
  const request: ExecRequest = { pod, namespace, container, command: rest, stdin, tty };
  const { url } = await client.post<ExecAnswer>('/exec', request);
  return runExec({ url, stdin, tty, terminal, signal });
}

async function logLevel(
  { names }: ControlArguments<'log-level'>,
  client: ControlClient,
  { stdout }: ControlIo,
): Promise<number> {
  if (names.length === 0) {
    stdout.write(`${(await client.get<{ level: string }>('/log-level')).level}\n`);
    return 0;
  }
  const [level = ''] = names;
  if (names.length !== 1 || !logLevels.some((known) => known === level)) {
    throw usageError('log-level', `give one of ${logLevels.join(', ')}`);
  }
  await client.post('/log-level', { level });
  stdout.write(`the runner logs from ${level} on\n`);
  return 0;
}

/** In kubectl's words which container was meant, where there are several. */
async function tellDefault(
  client: ControlClient,
  { pod: name, namespace }: { pod: string; namespace: string | undefined },
  stderr: ControlIo['stderr'],
): Promise<void> {
  const { items } = await client.get<{ items: Pod[] }>('/pods');
  const [pod, second] = chosen(items, namespace, name);
  if (pod === undefined || second !== undefined) return;
  const { initContainers = [], containers, ephemeralContainers = [] } = pod.spec;
  const all = [
    ...containers.map((container) => container.name),
    ...initContainers.map((container) => `${container.name} (init)`),
    ...ephemeralContainers.map((container) => `${container.name} (ephem)`),
  ];
  if (all.length < 2) return;
  stderr.write(`Defaulted container "${defaultContainer(pod)}" out of: ${all.join(', ')}\n`);
}

function chosen(pods: readonly Pod[], namespace: string | undefined, name?: string): Pod[] {
  return pods
    .filter(({ metadata }) => namespace === undefined || metadata.namespace === namespace)
    .filter(({ metadata }) => name === undefined || metadata.name === name);
}

function noSuchPod(name: string): RunnerError {
  return new RunnerError('CONTROL_REFUSED', `there is no pod "${name}" on this device`);
}

function asJson(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
