import t from 'tap';
import { CriObserver } from '../../../../src/edge-runner/pod/cri-observer.ts';
import { labels } from '../../../../src/edge-runner/pod/runtime.ts';
import { JumpingClock } from './fake-context.ts';
import { FakeRuntime } from './fake-runtime.ts';

void t.test('what others have removed from the runtime is forgotten', async (t) => {
  const runtime = new FakeRuntime();
  const observer = new CriObserver(runtime.cri, new JumpingClock());
  const own = { labels: { [labels.podUid]: 'a' } };
  const sandbox = { id: 's', ready: true, attempt: 0, ...own };
  const container = {
    ...{ id: 'c', sandboxId: 's', state: 'CONTAINER_RUNNING' as const, attempt: 0, ...own },
    ...{ annotations: {}, exitCode: 0, finishedAt: 0n, logPath: 'before' },
  };
  runtime.sandboxes.set('s', sandbox);
  runtime.containers.set('c', container);
  await observer.observe('a');
  runtime.sandboxes.delete('s');
  runtime.containers.delete('c');
  await observer.list();
  // Under the ids of those that are gone nothing is known: all of it is asked for.
  runtime.sandboxes.set('s', { ...sandbox, ready: false });
  runtime.containers.set('c', { ...container, logPath: 'after' });
  t.match(await observer.observe('a'), {
    sandboxes: [{ ips: [] }],
    containers: [{ logPath: 'after' }],
  });
});

void t.test('what is still there is asked for once', async (t) => {
  const runtime = new FakeRuntime();
  const observer = new CriObserver(runtime.cri, new JumpingClock());
  const own = { labels: { [labels.podUid]: 'a' } };
  runtime.sandboxes.set('s', { id: 's', ready: true, attempt: 0, ...own });
  await observer.observe('a');
  await observer.list();
  runtime.sandboxes.set('s', { id: 's', ready: false, attempt: 0, ...own });
  t.same((await observer.observe('a')).sandboxes[0]?.ips, ['10.0.0.9']);
});
