import t from 'tap';
import { TerminationCounts } from '../../../../src/edge-runner/pod/termination-counts.ts';
import type { ContainerState, ContainerStatus } from '../../../../src/kube/api.ts';

function status(name: string, state: ContainerState): ContainerStatus {
  const image = { image: '', imageID: '' };
  return { ...{ name, state, lastState: {}, ready: false, restartCount: 0 }, ...image };
}

const ended = (name: string, exitCode: number, reason: string): ContainerStatus =>
  status(name, { terminated: { exitCode, reason } });

void t.test('an end counts once, by type of container, exit code and reason', (t) => {
  const counts = new TerminationCounts();
  const running = { containerStatuses: [status('a', { running: {} })] };
  const failed = {
    initContainerStatuses: [ended('i', 0, 'Completed')],
    containerStatuses: [ended('a', 139, 'Error'), ended('b', 139, 'Error')],
    ephemeralContainerStatuses: [ended('e', 1, 'Error')],
  };
  counts.note(undefined, running);
  t.same(counts.all, []);
  counts.note(running, failed);
  counts.note(failed, failed);
  const all = [
    { type: 'init_container', exitCode: 0, reason: 'Completed', count: 1 },
    { type: 'container', exitCode: 139, reason: 'Error', count: 2 },
    { type: 'ephemeral_container', exitCode: 1, reason: 'Error', count: 1 },
  ];
  t.same(counts.all, all);
  counts.note(running, { containerStatuses: [ended('a', 139, 'Error')] });
  t.match(counts.all, [{}, { count: 3 }, {}], 'and again after it ran');
  t.end();
});
