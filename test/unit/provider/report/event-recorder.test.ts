import { pino } from 'pino';
import t from 'tap';
import type { EventObject } from '../../../../src/provider/report/event-object.ts';
import { EventRecorder } from '../../../../src/provider/report/event-recorder.ts';
import type { EventWriter } from '../../../../src/provider/report/event-writer.ts';

const site = {
  apiVersion: 'towline.dev/v1alpha1',
  kind: 'Site',
  metadata: { name: 'shop', namespace: 'acme', uid: 'u' },
};

function scene(): {
  recorder: EventRecorder;
  written: EventObject[];
  lines: string[];
  pass: (ms: number) => void;
  fail: (fails: boolean) => void;
} {
  const written: EventObject[] = [];
  const lines: string[] = [];
  let nowMs = 0;
  let fails = false;
  const write = (event: EventObject): Promise<void> => {
    if (fails) return Promise.reject(new TypeError('no'));
    written.push(event);
    return Promise.resolve();
  };
  const log = pino({ base: null, timestamp: false }, { write: (line) => lines.push(line) });
  const writer: Pick<EventWriter, 'write'> = { write };
  return {
    recorder: new EventRecorder({ writer, log, nowMs: () => nowMs }),
    ...{ written, lines },
    pass: (ms) => (nowMs += ms),
    fail: (value) => (fails = value),
  };
}

void t.test('the same event is told and logged once, another one besides', (t) => {
  const { recorder, written, lines } = scene();
  for (let i = 0; i < 3; i += 1) recorder.warn(site, 'InvalidSite', 'wrong');
  recorder.warn(site, 'InvalidSite', 'wrong otherwise');
  t.strictSame(
    written.map(({ message }) => message),
    ['wrong', 'wrong otherwise'],
  );
  t.equal(lines.length, 2);
  t.match(written[0], { type: 'Warning', involvedObject: { kind: 'Site', name: 'shop' } });
  t.end();
});

void t.test('after a while it is told again, as the same event', (t) => {
  const { recorder, written, pass } = scene();
  recorder.warn(site, 'InvalidSite', 'wrong');
  pass(9 * 60_000);
  recorder.warn(site, 'InvalidSite', 'wrong');
  t.equal(written.length, 1);
  pass(60_000);
  recorder.warn(site, 'InvalidSite', 'wrong');
  t.equal(written.length, 2);
  t.equal(written[0]?.metadata.name, written[1]?.metadata.name);
  t.end();
});

void t.test('one that could not be written is tried at the next occasion', async (t) => {
  const { recorder, written, fail } = scene();
  fail(true);
  recorder.warn(site, 'InvalidSite', 'wrong');
  await new Promise((resolve) => setImmediate(resolve));
  fail(false);
  recorder.warn(site, 'InvalidSite', 'wrong');
  t.equal(written.length, 1);
});

void t.test(
  'an event about a Node is as a kubelet’s: in `default`, about something outside',
  (t) => {
    const { recorder, written } = scene();
    recorder.warn({ kind: 'Node', metadata: { name: 'n.acme', uid: 'n.acme' } }, 'Reason', 'why');
    t.match(written, [{ metadata: { namespace: 'default' } }]);
    t.strictSame(written[0]?.involvedObject, {
      ...{ apiVersion: 'v1', kind: 'Node', name: 'n.acme', uid: 'n.acme' },
    });
    t.end();
  },
);

void t.test(
  'a Node is referred to by its name, as a kubelet does, anything else by its uid',
  (t) => {
    const { recorder, written, lines } = scene();
    const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'shop.acme', uid: 'u' } };
    recorder.record(node, { type: 'Normal', reason: 'NodeReady', message: 'ready' });
    recorder.warn(site, 'InvalidSite', 'wrong');
    t.match(written, [
      { type: 'Normal', involvedObject: { kind: 'Node', name: 'shop.acme', uid: 'shop.acme' } },
      { type: 'Warning', involvedObject: { kind: 'Site', name: 'shop', uid: 'u' } },
    ]);
    t.match(lines, [/"level":30/, /"level":40/]);
    t.end();
  },
);
