import t from 'tap';
import { readEvent } from '../../../../src/edge-runner/containerd/containerd-event.ts';
import {
  ContainerNotice,
  ImageNotice,
  TaskCreate,
  TaskDelete,
  TaskExit,
  TaskNotice,
  TaskStart,
  type Envelope,
} from '../../../../src/edge-runner/containerd/event-messages.ts';

const timestamp = { seconds: 1_767_323_045, nanos: 999_999_999 };

function envelope(topic: string, value: Uint8Array): Envelope {
  return { topic, namespace: 'k8s.io', timestamp, event: { typeUrl: 'ignored', value } };
}

void t.test('reads every event by its topic', (t) => {
  const head = { namespace: 'k8s.io', timestampMs: 1_767_323_045_999 };
  const end = { containerId: 'c', pid: 7, exitStatus: 137, exitedAt: timestamp };
  const read = {
    containerId: 'c',
    execId: '',
    pid: 7,
    exitStatus: 137,
    exitedAtMs: head.timestampMs,
  };
  const notice = { containerId: 'c' };
  const cases: [string, Uint8Array, object][] = [
    [
      '/tasks/create',
      TaskCreate.encode({ containerId: 'c', pid: 7 }),
      { type: 'task-create', containerId: 'c', pid: 7 },
    ],
    [
      '/tasks/start',
      TaskStart.encode({ containerId: 'c', pid: 7 }),
      { type: 'task-start', containerId: 'c', pid: 7 },
    ],
    ['/tasks/exit', TaskExit.encode({ ...end, id: 'c' }), { type: 'task-exit', ...read }],
    [
      '/tasks/exit',
      TaskExit.encode({ ...end, id: 'e' }),
      { type: 'task-exit', ...read, execId: 'e' },
    ],
    ['/tasks/delete', TaskDelete.encode(end), { type: 'task-delete', ...read }],
    ['/tasks/oom', TaskNotice.encode(notice), { type: 'task-oom', ...notice }],
    ['/tasks/paused', TaskNotice.encode(notice), { type: 'task-paused', ...notice }],
    ['/tasks/resumed', TaskNotice.encode(notice), { type: 'task-resumed', ...notice }],
    [
      '/containers/create',
      ContainerNotice.encode({ id: 'c' }),
      { type: 'container-create', ...notice },
    ],
    [
      '/containers/update',
      ContainerNotice.encode({ id: 'c' }),
      { type: 'container-update', ...notice },
    ],
    [
      '/containers/delete',
      ContainerNotice.encode({ id: 'c' }),
      { type: 'container-delete', ...notice },
    ],
    ['/images/create', ImageNotice.encode({ name: 'i' }), { type: 'image-create', name: 'i' }],
    ['/images/update', ImageNotice.encode({ name: 'i' }), { type: 'image-update', name: 'i' }],
    ['/images/delete', ImageNotice.encode({ name: 'i' }), { type: 'image-delete', name: 'i' }],
    ['/snapshot/prepare', Buffer.from('whatever'), { type: 'other' }],
  ];
  for (const [topic, payload, body] of cases) {
    t.same(readEvent(envelope(topic, payload)), { topic, ...head, ...body }, topic);
  }
  t.end();
});

void t.test('a time that there is not is none', (t) => {
  const endAt = (exitedAt: typeof timestamp | undefined): unknown => {
    const end = { containerId: 'c', id: 'c', pid: 7, exitStatus: 3 };
    const payload = TaskExit.encode({ ...end, exitedAt });
    const event = readEvent(envelope('/tasks/exit', payload));
    t.match(event, { containerId: 'c', exitStatus: 3 }, 'how it ended is known all the same');
    return 'exitedAtMs' in event ? event.exitedAtMs : 'nothing';
  };
  const [first, last] = [-62_135_596_800, 253_402_300_799];
  t.equal(endAt({ seconds: first, nanos: 0 }), Date.parse('0001-01-01T00:00:00Z'));
  t.equal(endAt({ seconds: last, nanos: 999_999_999 }), Date.parse('9999-12-31T23:59:59.999Z'));
  const none = [first - 1, last + 1, Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER];
  for (const seconds of none) t.equal(endAt({ seconds, nanos: 0 }), undefined, `${seconds} s`);
  t.equal(endAt(undefined), undefined);
  t.end();
});

void t.test('refuses a payload that is not what the topic says', (t) => {
  t.throws(() => readEvent(envelope('/tasks/exit', Buffer.from([0x0a, 0x7f]))), {
    name: 'WireError',
    code: 'MALFORMED',
  });
  t.end();
});
