import t from 'tap';
import { LogFormatter } from '../../../../src/edge-runner/logs/log-formatter.ts';
import { parseLogOptions } from '../../../../src/edge-runner/logs/log-options.ts';
import type { ContainerLogOptions } from '../../../../src/edge-runner/logs/log-options.ts';

const nowMs = Date.parse('2026-01-02T03:05:00Z');

const log = [
  '2026-01-02T03:04:05.123456789Z stdout F first',
  '2026-01-02T03:04:05.5Z stderr F warned',
  '2026-01-02T03:04:06Z stdout P half ',
  '2026-01-02T03:04:06.1Z stdout F a line',
  '2026-01-02T05:04:07.000000001+02:00 stdout F:other:tags tagged',
  '2026-01-02T03:04:08Z stdout F ',
  '',
].join('\n');

function format(text: string, options: ContainerLogOptions = {}, pieceBytes = Infinity): string {
  const formatter = new LogFormatter(parseLogOptions(options, nowMs));
  const bytes = Buffer.from(text);
  const out: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    out.push(formatter.push(bytes.subarray(at, at + pieceBytes)));
  }
  return Buffer.concat(out).toString();
}

void t.test('shows messages without their heads, and lines written in parts as one', (t) => {
  t.equal(format(log), 'first\nwarned\nhalf a line\ntagged\n\n');
  t.end();
});

void t.test('puts a time with nine decimals before every whole line, in its own zone', (t) => {
  t.equal(
    format(log, { timestamps: true }),
    [
      '2026-01-02T03:04:05.123456789Z first',
      '2026-01-02T03:04:05.500000000Z warned',
      '2026-01-02T03:04:06.000000000Z half a line',
      '2026-01-02T05:04:07.000000001+02:00 tagged',
      '2026-01-02T03:04:08.000000000Z ',
      '',
    ].join('\n'),
  );
  t.end();
});

void t.test('keeps to one stream', (t) => {
  t.equal(format(log, { stream: 'stderr' }), 'warned\n');
  t.equal(format(log, { stream: 'stdout' }), 'first\nhalf a line\ntagged\n\n');
  t.end();
});

void t.test('leaves out what is older, to the nanosecond and across time zones', (t) => {
  t.equal(format(log, { sinceTime: '2026-01-02T03:04:07Z' }), 'tagged\n\n');
  t.equal(format(log, { sinceTime: '2026-01-02T03:04:07.000000001Z' }), 'tagged\n\n');
  t.equal(format(log, { sinceTime: '2026-01-02T03:04:07.000000002Z' }), '\n');
  t.equal(format(log, { sinceSeconds: 53 }), 'tagged\n\n');
  t.end();
});

void t.test('ends at the limit, times included', (t) => {
  t.equal(format(log, { limitBytes: 8 }), 'first\nwa');
  t.equal(format(log, { limitBytes: 33, timestamps: true }), '2026-01-02T03:04:05.123456789Z fi');
  t.end();
});

void t.test('gives the same in pieces of any size', (t) => {
  for (const options of [{}, { timestamps: true }, { sinceTime: '2026-01-02T03:04:06Z' }]) {
    for (const pieceBytes of [1, 2, 3, 7, 31, 64]) {
      t.equal(format(log, options, pieceBytes), format(log, options), `pieces of ${pieceBytes}`);
    }
  }
  t.end();
});

void t.test('leaves out lines that are not in the format', (t) => {
  const bad = [
    'no head at all',
    '',
    '2026-01-02T03:04:05Z stdlog F wrong stream',
    '2026-01-02T03:04:05Z stdout X wrong tag',
    '2026-01-02T03:04:05Z stdout F',
    `${'x'.repeat(500)} stdout F endless head`,
  ];
  for (const pieceBytes of [1, 5, Infinity]) {
    const text = bad.map((line) => `${line}\n2026-01-02T03:04:05Z stdout F good\n`).join('');
    t.equal(format(text, {}, pieceBytes), 'good\n'.repeat(bad.length), `pieces of ${pieceBytes}`);
  }
  t.end();
});

void t.test('passes on a line of any length as it arrives', (t) => {
  const formatter = new LogFormatter(parseLogOptions({}, nowMs));
  t.equal(formatter.push(Buffer.from('2026-01-02T03:04:05Z stdout F abc')).toString(), 'abc');
  t.equal(formatter.push(Buffer.alloc(100_000, 'x')).length, 100_000);
  t.equal(formatter.push(Buffer.from('end\n')).toString(), 'end\n');
  t.end();
});

void t.test('does not mistake random bytes for anything it would crash on', (t) => {
  let state = 12345;
  const random = (max: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return state % max;
  };
  const alphabet = Buffer.from('2026-01T:Z stdouer PF\n');
  for (let round = 0; round < 300; round++) {
    const bytes = Buffer.from(
      Array.from({ length: random(400) }, () => alphabet[random(alphabet.length)] ?? 0),
    );
    const text = bytes.toString();
    t.equal(format(text, { timestamps: true }, 1 + random(9)), format(text, { timestamps: true }));
  }
  t.end();
});
