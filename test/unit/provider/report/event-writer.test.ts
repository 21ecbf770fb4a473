import pino from 'pino';
import t from 'tap';
import {
  KubeApiError,
  type KubeApiErrorCode,
} from '../../../../src/provider/kube-client/kube-api-error.ts';
import type { KubeClient } from '../../../../src/provider/kube-client/kube-client.ts';
import { eventObject } from '../../../../src/provider/report/event-object.ts';
import { eventWrites } from '../../../../src/provider/limits.ts';
import { EventWriter } from '../../../../src/provider/report/event-writer.ts';
import type { EventReport } from '../../../../src/protocol/report.ts';
import { turns } from '../desired/desired-fixture.ts';

const report: EventReport = {
  id: '1',
  pod: { namespace: 'n', name: 'a', uid: 'u' },
  fieldPath: 'spec.containers{c}',
  type: 'Warning',
  reason: 'BackOff',
  message: 'Back-off restarting failed container',
  count: 1,
  firstTimestamp: '2026-01-01T00:00:00Z',
  lastTimestamp: '2026-01-01T00:00:00Z',
};

/** An API server that knows some events, and what is asked of it. */
function scene(refusal?: KubeApiErrorCode): { writer: EventWriter; calls: string[] } {
  const events = new Set<string>();
  const calls: string[] = [];
  const fail = (code: KubeApiErrorCode): Promise<never> =>
    Promise.reject(new KubeApiError(code, 'no'));
  const create = ((_type: unknown, event: { metadata: { name: string } }) => {
    calls.push('create');
    if (refusal !== undefined) return fail(refusal);
    if (events.has(event.metadata.name)) return fail('ALREADY_EXISTS');
    events.add(event.metadata.name);
    return Promise.resolve({});
  }) as KubeClient['create'];
  const patch = ((_type: unknown, ref: { name: string }, change: { count: number }) => {
    calls.push(`patch ${change.count}`);
    return events.has(ref.name) ? Promise.resolve({}) : fail('NOT_FOUND');
  }) as KubeClient['patch'];
  const log = pino({ level: 'silent' });
  return { writer: new EventWriter({ client: { create, patch }, log }), calls };
}

void t.test('an event names its pod, its container and the node it came from', (t) => {
  t.match(eventObject('site.tenant', report), {
    metadata: { namespace: 'n', name: /^a\.[0-9a-f]{16}$/ },
    involvedObject: { kind: 'Pod', name: 'a', uid: 'u', fieldPath: 'spec.containers{c}' },
    source: { component: 'towline-runner', host: 'site.tenant' },
    reason: 'BackOff',
  });
  t.end();
});

void t.test('names differ by id and by node, and stay under the limit', (t) => {
  const name = (node: string, change: Partial<EventReport>): string =>
    eventObject(node, { ...report, ...change }).metadata.name;
  t.equal(name('s.t', {}), name('s.t', { count: 5 }));
  t.not(name('s.t', {}), name('s.t', { id: '2' }));
  t.not(name('s.t', {}), name('o.t', {}));
  const long = { pod: { ...report.pod, name: 'x'.repeat(253) } };
  t.ok(name('s.t', long).length <= 253);
  t.end();
});

void t.test('the same event twice is one', async (t) => {
  const { writer, calls } = scene();
  await writer.write(eventObject('s.t', report));
  await writer.write(eventObject('s.t', report));
  t.same(calls, ['create', 'create', 'patch 1']);
});

void t.test(
  'a repeat updates the count, and creates the event when it was forgotten',
  async (t) => {
    const { writer, calls } = scene();
    await writer.write(eventObject('s.t', { ...report, count: 3 }));
    await writer.write(eventObject('s.t', { ...report, count: 4 }));
    t.same(calls, ['patch 3', 'create', 'patch 4']);
  },
);

void t.test('what will never be taken is dropped, what may be later is thrown', async (t) => {
  for (const code of ['FORBIDDEN', 'NOT_FOUND', 'INVALID'] as const) {
    await scene(code).writer.write(eventObject('s.t', report));
  }
  for (const code of ['UNREACHABLE', 'TOO_MANY_REQUESTS', 'SERVER_ERROR'] as const) {
    await t.rejects(scene(code).writer.write(eventObject('s.t', report)), { code });
  }
});

void t.test('what many sites tell at once is written at the rate of all of them', async (t) => {
  const { writer, calls } = scene();
  const stop = new AbortController();
  const beganAtMs = performance.now();
  const writes = Array.from({ length: 10 * eventWrites.burst }, (_, n) =>
    writer.write(eventObject(`site-${n % 100}.t`, { ...report, id: `${n}` }), stop.signal),
  );
  await turns(50);
  const due = eventWrites.burst + ((performance.now() - beganAtMs) / 1000) * eventWrites.perSecond;
  t.ok(calls.length >= eventWrites.burst && calls.length <= due + 1, `${calls.length} of ${due}`);
  stop.abort();
  await Promise.allSettled(writes);
});
