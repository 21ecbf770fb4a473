import t from 'tap';
import {
  formatBytes,
  formatBytesLike,
  formatMilliCpu,
  parseQuantity,
  quantityToBytes,
  quantityToMilliCpu,
} from '../../../src/kube/quantity.ts';

const inBytes: [string, number][] = [
  ['0', 0],
  ['1', 1],
  ['+5', 5],
  ['-3', -3],
  ['1k', 1000],
  ['1M', 1e6],
  ['1G', 1e9],
  ['1T', 1e12],
  ['1P', 1e15],
  ['1E', 1e18],
  ['1Ki', 1024],
  ['1Mi', 1024 ** 2],
  ['1Gi', 1024 ** 3],
  ['1Ti', 1024 ** 4],
  ['1Pi', 1024 ** 5],
  ['1Ei', 1024 ** 6],
  ['1.5Gi', 1.5 * 1024 ** 3],
  ['.5Ki', 512],
  ['5.', 5],
  ['1e3', 1000],
  ['1E3', 1000],
  ['12e-1', 2],
  ['1500m', 2],
  ['1n', 1],
  ['1u', 1],
  ['0.0000000000001', 1],
  ['1e999999999', 2 ** 63],
  ['9Ei', 2 ** 63],
];

void t.test('every suffix and exponent gives bytes, rounded up', (t) => {
  for (const [text, bytes] of inBytes) t.equal(quantityToBytes(text), bytes, text);
  t.end();
});

void t.test('cpu is in thousandths, rounded up', (t) => {
  for (const [text, milli] of [
    ['1', 1000],
    ['100m', 100],
    ['0.1', 100],
    ['1.0005', 1001],
    ['100u', 1],
    ['2k', 2_000_000],
  ] as const) {
    t.equal(quantityToMilliCpu(text), milli, text);
  }
  t.end();
});

void t.test('nano units are exact', (t) => {
  t.equal(parseQuantity('1.000000001'), 1_000_000_001n);
  t.equal(parseQuantity('3n'), 3n);
  t.end();
});

void t.test('what is not a quantity is refused by name', (t) => {
  for (const text of [
    '',
    '.',
    'Ki',
    '1kb',
    '1 Gi',
    '1ki',
    '--1',
    '1e',
    '1e1Ki',
    'NaN',
    '0x10',
    '1'.repeat(200),
    '1e9999999999',
  ]) {
    t.throws(() => parseQuantity(text), { code: 'INVALID_QUANTITY' }, text);
  }
  t.throws(() => parseQuantity('1kb'), { message: /"1kb"/ });
  t.end();
});

void t.test('quantities are written as the API writes them', (t) => {
  t.equal(formatBytes(16 * 1024 ** 3), '16Gi');
  t.equal(formatBytes(1500 * 1024), '1500Ki');
  t.equal(formatBytes(1234), '1234');
  t.equal(formatBytesLike(3 * 1024 ** 2, '1Ki'), '3Mi');
  t.equal(formatBytesLike(3_000_000, '1M'), '3M');
  t.equal(formatBytesLike(1_500_000, '1500000'), '1500k');
  t.equal(formatBytes(0), '0');
  t.equal(formatMilliCpu(2000), '2');
  t.equal(formatMilliCpu(1500), '1500m');
  t.end();
});
