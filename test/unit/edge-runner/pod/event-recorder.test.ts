import t from 'tap';
import { EventRecorder } from '../../../../src/edge-runner/pod/event-recorder.ts';
import type { EventReport } from '../../../../src/protocol/report.ts';
import { makePod } from './make-observed.ts';

function bench(): { at: (ms: number) => void; events: EventReport[]; recorder: EventRecorder } {
  let nowMs = 0;
  const events: EventReport[] = [];
  const recorder = new EventRecorder({ now: () => nowMs, emit: (event) => events.push(event) });
  const at = (ms: number): void => {
    nowMs = ms;
  };
  return { at, events, recorder };
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
  const { at, events, recorder } = bench();
  const pod = recorder.forPod(makePod());
  at(1_000_000_000);
  pod.record('Normal', 'Pulled', 'x'.repeat(2_000));
  at(0);
  pod.record('Normal', 'Pulled', 'x'.repeat(2_000));
  t.equal(events[1]?.count, 2);
  t.equal(events[1]?.message.length, 1024);
  t.end();
});

void t.test('what was recorded long ago is forgotten, so that memory is bounded', (t) => {
  const { events, recorder } = bench();
  const pod = recorder.forPod(makePod());
  for (let n = 0; n <= 500; n += 1) pod.record('Normal', 'Pulled', `image ${n}`);
  pod.record('Normal', 'Pulled', 'image 0');
  t.equal(events.at(-1)?.count, 1);
  t.end();
});
