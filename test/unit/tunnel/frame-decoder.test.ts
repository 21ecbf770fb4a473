import t from 'tap';
import { FrameDecoder } from '../../../src/tunnel/frame-decoder.ts';
import { encodeHeader, frameFlag, frameType, type FrameHeader } from '../../../src/tunnel/frame.ts';

function decode(pieces: Iterable<Buffer>): { headers: FrameHeader[]; payload: string } {
  const headers: FrameHeader[] = [];
  const chunks: Buffer[] = [];
  const decoder = new FrameDecoder({
    header: (header) => headers.push(header),
    payload: (chunk) => chunks.push(chunk),
  });
  for (const piece of pieces) decoder.push(piece);
  return { headers, payload: Buffer.concat(chunks).toString() };
}

const wire = Buffer.concat([
  encodeHeader(frameType.data, frameFlag.syn, 1, 5),
  Buffer.from('hello'),
  encodeHeader(frameType.windowUpdate, frameFlag.ack | frameFlag.fin, 1, 0xffff_ffff),
  encodeHeader(frameType.ping, frameFlag.syn, 0, 7),
  encodeHeader(frameType.data, 0, 0xffff_ffff, 0),
  encodeHeader(frameType.data, frameFlag.rst, 2, 6),
  Buffer.from(' world'),
  encodeHeader(frameType.goAway, 0, 0, 2),
]);

const expected: FrameHeader[] = [
  { type: 0, flags: 1, streamId: 1, length: 5 },
  { type: 1, flags: 6, streamId: 1, length: 0xffff_ffff },
  { type: 2, flags: 1, streamId: 0, length: 7 },
  { type: 0, flags: 0, streamId: 0xffff_ffff, length: 0 },
  { type: 0, flags: 8, streamId: 2, length: 6 },
  { type: 3, flags: 0, streamId: 0, length: 2 },
];

void t.test('frames are read however the bytes are cut up', (t) => {
  for (let size = 1; size <= wire.length; size++) {
    const pieces = [];
    for (let at = 0; at < wire.length; at += size) pieces.push(wire.subarray(at, at + size));
    const { headers, payload } = decode(pieces);
    t.strictSame(headers, expected, `pieces of ${size}`);
    t.equal(payload, 'hello world');
  }
  t.end();
});

void t.test('the header is laid out as the specification says', (t) => {
  const header = encodeHeader(frameType.windowUpdate, frameFlag.syn, 0x01020304, 0x05060708);
  t.equal(header.toString('hex'), '000100010102030405060708');
  t.end();
});

void t.test('an unknown version, type or flag has a code of its own', (t) => {
  const cases: [string, string][] = [
    ['01', 'VERSION_UNKNOWN'],
    ['ff', 'VERSION_UNKNOWN'],
    ['0004', 'TYPE_UNKNOWN'],
    ['00ff', 'TYPE_UNKNOWN'],
    ['00000010', 'FLAGS_INVALID'],
    ['00008000', 'FLAGS_INVALID'],
  ];
  for (const [start, code] of cases) {
    const bytes = Buffer.from(start.padEnd(24, '0'), 'hex');
    t.throws(() => decode([bytes]), { code });
    t.throws(() => decode([...bytes].map((byte) => Buffer.of(byte))), { code });
  }
  t.end();
});
