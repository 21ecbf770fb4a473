import t from 'tap';
import {
  nested,
  repeated,
  repeatedInt64,
} from '../../../../src/edge-runner/cri/proto-composites.ts';
import { message } from '../../../../src/edge-runner/cri/proto-message.ts';
import {
  double,
  enumeration,
  int32,
  int64,
  nanoseconds,
  uint32,
  uint64,
} from '../../../../src/edge-runner/cri/proto-numbers.ts';
import {
  bool,
  bytes,
  repeatedString,
  string,
  stringMap,
} from '../../../../src/edge-runner/cri/proto-strings.ts';
import { ContainerStatusResponse } from '../../../../src/edge-runner/cri/container-messages.ts';
import { WireError } from '../../../../src/edge-runner/cri/wire-error.ts';

const Inner = message({ value: int64(1) });

const Everything = message({
  text: string(1),
  data: bytes(2),
  flag: bool(3),
  small: int32(4),
  natural: uint32(5),
  large: int64(6),
  huge: uint64(7),
  time: nanoseconds(8),
  ratio: double(9),
  state: enumeration(10, ['FIRST', 'SECOND', 'UNKNOWN'], 'UNKNOWN'),
  inner: nested(11, Inner),
  list: repeated(12, Inner),
  names: repeatedString(13),
  numbers: repeatedInt64(14),
  labels: stringMap(15),
  far: string(3000),
});

const full = {
  text: 'grüße',
  data: new Uint8Array([0, 255]),
  flag: true,
  small: -5,
  natural: 4_000_000_000,
  large: -(2 ** 53),
  huge: 2 ** 53,
  time: 1_767_323_045_123_456_789n,
  ratio: 0.25,
  state: 'SECOND' as const,
  inner: { value: 0 },
  list: [{ value: 1 }, { value: 0 }],
  names: ['', 'b'],
  numbers: [0, 300, -1],
  labels: { a: '1', '': '' },
  far: 'field',
};

void t.test('gives back what was put in', (t) => {
  t.same(Everything.decode(Everything.encode(full)), full);
  t.end();
});

void t.test('writes nothing for defaults, and reads nothing as defaults', (t) => {
  t.equal(Everything.encode({}).length, 0);
  t.equal(
    Everything.encode({
      text: '',
      small: 0,
      time: 0n,
      flag: false,
      names: [],
      labels: {},
      inner: undefined,
      state: 'FIRST',
    }).length,
    0,
  );
  t.same(Everything.decode(new Uint8Array(0)), {
    text: '',
    data: new Uint8Array(0),
    flag: false,
    small: 0,
    natural: 0,
    large: 0,
    huge: 0,
    time: 0n,
    ratio: 0,
    state: 'FIRST',
    inner: undefined,
    list: [],
    names: [],
    numbers: [],
    labels: {},
    far: '',
  });
  t.end();
});

void t.test('writes the bytes of the protobuf encoding', (t) => {
  const hex = (value: Parameters<typeof Everything.encode>[0]): string =>
    Buffer.from(Everything.encode(value)).toString('hex');
  t.equal(hex({ text: 'hi' }), '0a026869');
  t.equal(hex({ small: -1 }), '20ffffffffffffffffff01');
  t.equal(hex({ time: 300n }), '40ac02');
  t.equal(hex({ time: -1n }), '40ffffffffffffffffff01');
  t.equal(hex({ inner: { value: 150 } }), '5a03089601');
  t.equal(hex({ inner: {} }), '5a00');
  t.equal(hex({ numbers: [3, 270] }), '7203038e02');
  t.equal(hex({ labels: { a: 'b' } }), '7a060a0161120162');
  t.equal(hex({ far: 'x' }), 'c2bb010178');
  t.end();
});

void t.test('reads repeated numbers packed and not', (t) => {
  t.same(Everything.decode(Buffer.from('7001708e02', 'hex')).numbers, [1, 270]);
  t.same(Everything.decode(Buffer.from('7203018e02', 'hex')).numbers, [1, 270]);
  t.end();
});

void t.test('skips fields it does not know, or knows with another wire type', (t) => {
  const unknown = Buffer.from(
    'f80701' + '0801' + 'fa07021234' + 'fd0701020304' + 'f9070102030405060708',
    'hex',
  );
  t.same(Everything.decode(Buffer.concat([unknown, Everything.encode(full)])), full);
  t.end();
});

void t.test('reads an enum value from the future as the unknown one', (t) => {
  t.equal(Everything.decode(Buffer.from('5063', 'hex')).state, 'UNKNOWN');
  t.end();
});

void t.test('refuses numbers that their fields cannot hold', (t) => {
  for (const value of [
    { natural: -1 },
    { small: 2 ** 31 },
    { large: 1.5 },
    { huge: NaN },
    { huge: 2 ** 64 },
  ]) {
    t.throws(() => Everything.encode(value), { name: 'WireError', code: 'BAD_VALUE' });
  }
  t.end();
});

void t.test('refuses every message that was cut short inside a field', (t) => {
  const bytes = Everything.encode(full);
  for (let length = 0; length < bytes.length; length++) {
    try {
      Everything.decode(bytes.subarray(0, length));
    } catch (error) {
      t.match(error, { name: 'WireError', code: 'MALFORMED' });
    }
  }
  for (const hex of [
    '0a',
    '0a05',
    '0a0541',
    '5a03',
    '5a030896',
    '7a',
    '7a060a',
    '20ff',
    '40ffffffffffffffffffffff',
    '7203',
    '51',
    '0b',
    '0700',
    '5a0208ff01',
  ]) {
    t.throws(() => Everything.decode(Buffer.from(hex, 'hex')), { code: 'MALFORMED' }, hex);
  }
  t.end();
});

void t.test('random bytes are a message or an error, never anything else', (t) => {
  let state = 99;
  const random = (max: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % max;
  };
  const seed = Everything.encode(full);
  for (let round = 0; round < 20_000; round++) {
    const bytes = Uint8Array.from(seed.subarray(0, random(seed.length)));
    for (let flips = random(4); flips >= 0 && bytes.length > 0; flips--) {
      bytes[random(bytes.length)] = random(256);
    }
    try {
      Everything.decode(bytes);
      ContainerStatusResponse.decode(bytes);
    } catch (error) {
      if (!(error instanceof WireError))
        t.fail(`threw ${String(error)}`, { bytes: Buffer.from(bytes).toString('hex') });
    }
  }
  t.end();
});
