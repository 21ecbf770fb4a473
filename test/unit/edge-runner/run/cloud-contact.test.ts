import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { CloudContact } from '../../../../src/edge-runner/run/cloud-contact.ts';
import { TunnelError } from '../../../../src/tunnel/errors.ts';

function makeContact(t: Test): {
  contact: CloudContact;
  again: () => CloudContact;
  at: (ms: number) => void;
} {
  const file = join(t.testdir(), 'cloud-seen');
  let nowMs = 0;
  const make = (): CloudContact =>
    new CloudContact({ file, nowMs: () => nowMs, log: { warn: () => undefined } });
  return {
    contact: make(),
    again: make,
    at: (ms) => {
      nowMs = ms;
    },
  };
}

const lost = {
  kind: 'disconnected',
  error: new TunnelError('PEER_SILENT', 'silence'),
  retryInMs: 1,
} as const;
const connected = { kind: 'connected', address: 'wss://a' } as const;

void t.test('a cloud that was never seen', (t) => {
  const { contact } = makeContact(t);
  contact.tell({ kind: 'connecting' });
  contact.tell(lost);
  t.same(contact.view, { connected: false, error: 'silence' });
  t.end();
});

void t.test('while connected it is seen now, afterwards it was seen last', (t) => {
  const { contact, at } = makeContact(t);
  at(10_000);
  contact.tell(connected);
  at(20_000);
  t.same(contact.view, {
    ...{ connected: true, address: 'wss://a', since: '1970-01-01T00:00:10Z' },
    lastSeen: '1970-01-01T00:00:20Z',
  });
  at(30_000);
  contact.tell(lost);
  at(90_000);
  contact.tell({ kind: 'connecting' });
  t.same(contact.view, { connected: false, lastSeen: '1970-01-01T00:00:30Z', error: 'silence' });
  t.end();
});

void t.test('the last contact is remembered by the next runner', (t) => {
  const { contact, again, at } = makeContact(t);
  at(10_000);
  contact.tell(connected);
  at(40_000);
  t.equal(
    again().view.lastSeen,
    '1970-01-01T00:00:10Z',
    'as good as it was known when it was killed',
  );
  contact.close();
  t.equal(again().view.lastSeen, '1970-01-01T00:00:40Z');
  t.end();
});

void t.test('a spoilt file is as none', (t) => {
  const file = join(t.testdir(), 'cloud-seen');
  writeFileSync(file, 'yesterday');
  const contact = new CloudContact({ file, nowMs: () => 0, log: { warn: () => undefined } });
  t.same(contact.view, { connected: false });
  t.end();
});
