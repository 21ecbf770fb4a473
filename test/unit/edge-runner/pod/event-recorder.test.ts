import t from 'tap';
import { EventRecorder } from '../../../../src/edge-runner/pod/event-recorder.ts';
import type { EventReport } from '../../../../src/protocol/report.ts';
import { makePod } from './make-observed.ts';

interface Bench {
  at: (ms: number) => void;
  /** Sets the wall clock off from the monotonic one. */
  jump: (ms: number) => void;
  events: EventReport[];
  recorder: EventRecorder;
}

function bench(): Bench {
  let nowMs = 0;
  const events: EventReport[] = [];
  const clock = { wallMs: () => nowMs + wallOffset.ms, monotonicMs: () => nowMs };
  const wallOffset = { ms: 0 };
  const recorder = new EventRecorder({ clock, emit: (event) => events.push(event) });
  const at = (ms: number): void => {
    nowMs = ms;
  };
  const jump = (ms: number): void => {
    wallOffset.ms = ms;
  };
  return { at, jump, events, recorder };
}

void t.test('repeats within ten minutes are counted on the first', (t) => {
  const { at, events, recorder } = bench();
  const pod = recorder.forPod(makePod());
  pod.record('Warning', 'BackOff', 'again', 'web');
  at(600_000);
  pod.record('Warning', 'BackOff', 'again', 'web');
  at(1_200_001);
  pod.record('Warning', 'BackOff', 'again', 'web');
  const [first, second, third] = events;
  t.equal(second?.id, first?.id);
  t.match(second, {
    ...{ count: 2, firstTimestamp: '1970-01-01T00:00:00Z', lastTimestamp: '1970-01-01T00:10:00Z' },
    fieldPath: 'spec.containers{web}',
  });
  t.not(third?.id, first?.id);
  t.equal(third?.count, 1);
  t.end();
});

void t.test('another pod, container or message makes another event', (t) => {
  const { events, recorder } = bench();
  const pod = makePod({ initContainers: [{ name: 'init', image: 'init:1' }] });
  recorder.forPod(pod).record('Normal', 'Started', 'a');
  recorder.forPod(pod).record('Normal', 'Started', 'b');
  recorder.forPod(pod).record('Normal', 'Started', 'a', 'init');
  const other = { ...pod, metadata: { ...pod.metadata, uid: 'uid-2' } };
  recorder.forPod(other).record('Normal', 'Started', 'a');
  t.equal(new Set(events.map(({ id }) => id)).size, 4);
  t.equal(events[2]?.fieldPath, 'spec.initContainers{init}');
  t.end();
});

void t.test('a clock that jumps back folds on; long messages are cut', (t) => {
  const { jump, events, recorder } = bench();
  const pod = recorder.forPod(makePod());
  jump(2 * 365 * 86_400_000);
  pod.record('Normal', 'Pulled', 'x'.repeat(2_000));
  jump(0);
  pod.record('Normal', 'Pulled', 'x'.repeat(2_000));
  t.equal(events[1]?.count, 2);
  jump(365 * 86_400_000);
  pod.record('Normal', 'Pulled', 'x'.repeat(2_000));
  t.equal(events[2]?.count, 3, 'and so does one that jumps ahead');
  t.equal(events[1]?.message.length, 1024);
  t.end();
});

void t.test('what was recorded long ago is forgotten, so that memory is bounded', (t) => {
  const { events, recorder } = bench();
  const ofPod = (n: number): ReturnType<EventRecorder['forPod']> => {
    const pod = makePod();
    return recorder.forPod({ ...pod, metadata: { ...pod.metadata, uid: `uid-${n}` } });
  };
  for (let n = 0; n <= 500; n += 1) ofPod(n).record('Normal', 'Pulled', 'image');
  ofPod(0).record('Normal', 'Pulled', 'image');
  t.equal(events.at(-1)?.count, 1);
  t.equal(recorder.recent.length, 500);
  t.end();
});

void t.test('after 25 events a pod tells one in five minutes, and others go on', (t) => {
  const { at, events, recorder } = bench();
  const pod = recorder.forPod(makePod());
  for (let n = 0; n < 100; n += 1) pod.record('Warning', 'BackOff', 'again', 'web');
  t.equal(events.length, 25);
  t.equal(events.at(-1)?.count, 25);
  const other = makePod();
  const metadata = { ...other.metadata, uid: 'uid-2' };
  recorder.forPod({ ...other, metadata }).record('Normal', 'Started', 'a');
  t.equal(events.length, 26);
  at(300_000);
  pod.record('Warning', 'BackOff', 'again', 'web');
  pod.record('Warning', 'BackOff', 'again', 'web');
  t.equal(events.length, 27);
  t.equal(events.at(-1)?.count, 101, 'what was not told is counted');
  t.end();
});

void t.test('ids are in the order of time, also within a millisecond', (t) => {
  const { jump, events, recorder } = bench();
  jump(1_800_000_000_000);
  const pod = recorder.forPod(makePod());
  for (let n = 0; n < 20; n += 1) pod.record('Normal', 'Pulled', `image ${n}`);
  const names = events.map(({ id }) => id.slice(0, 12));
  t.same(names, [...new Set(names)].sort());
  t.match(events[0]?.id, /^[0-9a-f]{16}-[0-9a-f]{8}$/);
  jump(1_700_000_000_000);
  pod.record('Normal', 'Pulled', 'later, by a clock that was set right');
  t.ok((events.at(-1)?.id ?? '') < (events[0]?.id ?? ''), 'ids follow a clock that is set');
  t.end();
});
