import type { Test } from 'tap';
import type { PodStatus } from '../../../src/kube/api.ts';
import { asDesired, makePod } from './engine.ts';
import { scripted, type PodScene } from './pod-scene.ts';

/** How the end of containers and pods is told. */
export async function endings(t: Test, scene: PodScene): Promise<void> {
  await t.test('a message of one’s own place and its bounds', (t) => ownMessage(t, scene));
  await t.test('the end of the log instead, of a failure only', (t) => endOfLog(t, scene));
  await t.test('a pod’s containers share the bytes', (t) => shared(t, scene));
  await t.test('a pod that runs for longer than it may', (t) => tooLong(t, scene));
  await t.test('a command that isn’t there', (t) => noCommand(t, scene));
}

function messageOf({ containerStatuses: [only] = [] }: PodStatus): string {
  return only?.state.terminated?.message ?? '';
}

const letters = (count: number): string => `head -c ${count} /dev/zero | tr '\\0' a`;

async function ownMessage(t: Test, scene: PodScene): Promise<void> {
  const terminationMessagePath = '/var/why';
  const script = `(${letters(5000)}; printf end) >/var/why; exit 5`;
  const { status } = await scene.run('why', scripted(script, { terminationMessagePath }));
  t.equal(messageOf(status), `${'a'.repeat(4093)}end`, 'the last 4096 bytes');
  const { status: silent } = await scene.run('silent', scripted('echo said; exit 5'));
  t.match(silent.containerStatuses, [{ state: { terminated: { exitCode: 5, reason: 'Error' } } }]);
  t.equal(messageOf(silent), '', 'not its log');
}

async function endOfLog(t: Test, scene: PodScene): Promise<void> {
  const fallback = { terminationMessagePolicy: 'FallbackToLogsOnError' } as const;
  const count = 'seq 1 100; exit 1';
  const lines = messageOf((await scene.run('counts', scripted(count, fallback))).status);
  t.equal(lines.split('\n')[0], '21', 'the last 80 lines');
  t.match(lines, /\n100\n$/);
  const wide = `for i in $(seq 1 80); do ${letters(99)}; echo; done; exit 1`;
  const bytes = messageOf((await scene.run('wide', scripted(wide, fallback))).status);
  t.equal(bytes.length, 2048, 'the last 2048 bytes');
  const said = 'printf own >/dev/termination-log; echo log; exit 1';
  const own = messageOf((await scene.run('says', scripted(said, fallback))).status);
  t.equal(own, 'own', 'its own words come first');
  const { status } = await scene.run('fine', scripted('echo fine', fallback));
  t.equal(messageOf(status), '', 'nothing of a success');
}

async function shared(t: Test, scene: PodScene): Promise<void> {
  const names = ['d', 'b', 'a', 'c'];
  const pod = makePod('sharing', {
    restartPolicy: 'Never',
    containers: names.map((name) => scripted(`${letters(4000)} >/dev/termination-log`, { name })),
  });
  scene.engine.put(asDesired('Pod', pod));
  const { containerStatuses = [] } = await scene.untilOver(pod);
  t.same(
    containerStatuses.map(({ name, state }) => [name, state.terminated?.message?.length]),
    names.toSorted().map((name) => [name, 3072]),
    '12 KiB together, in the order of their names',
  );
  scene.engine.remove(pod);
}

async function tooLong(t: Test, scene: PodScene): Promise<void> {
  const pod = makePod('too-long', {
    activeDeadlineSeconds: 2,
    containers: [scripted('trap "exit 0" TERM; while :; do sleep 0.1; done')],
  });
  scene.engine.put(asDesired('Pod', pod));
  const message = 'Pod was active on the node longer than the specified deadline';
  const status = await scene.untilOver(pod);
  t.match(status, { phase: 'Failed', reason: 'DeadlineExceeded', message });
  t.match(status.containerStatuses, [{ ready: false, state: { terminated: { exitCode: 0 } } }]);
  t.match(
    status.conditions?.find(({ type }) => type === 'Ready'),
    { status: 'False', reason: 'PodFailed' },
  );
  const event = await scene.untilEvent(pod, 'DeadlineExceeded', /./);
  t.match(event, { type: 'Normal', message });
  scene.engine.remove(pod);
}

async function noCommand(t: Test, scene: PodScene): Promise<void> {
  const pod = makePod('no-command', {
    containers: [scripted('', { command: ['/none'] })],
  });
  scene.engine.put(asDesired('Pod', pod));
  const status = await scene.engine.until(pod, 'refused', ({ containerStatuses: [it] = [] }) =>
    Boolean(it?.state.waiting?.reason === 'RunContainerError' || it?.state.terminated),
  );
  t.match(JSON.stringify(status.containerStatuses), /exec: \\"\/none\\"|\/none: no such file/);
  const event = await scene.untilEvent(pod, 'Failed', /^Error: failed to create containerd task/);
  t.match(event, { type: 'Warning', fieldPath: 'spec.containers{main}' });
  scene.engine.remove(pod);
}
