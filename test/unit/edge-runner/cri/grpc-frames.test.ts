import t from 'tap';
import { encodeFrame, FrameReader } from '../../../../src/edge-runner/cri/grpc-frames.ts';

const messages = ['', 'a', 'x'.repeat(300), ''].map((text) => Buffer.from(text));
const stream = Buffer.concat(messages.map((message) => encodeFrame(message)));

void t.test('cuts a stream into the same messages, in pieces of any size', (t) => {
  for (const pieceBytes of [1, 2, 4, 5, 6, 7, 100, stream.length]) {
    const reader = new FrameReader(1000);
    const found: Buffer[] = [];
    for (let at = 0; at < stream.length; at += pieceBytes) {
      found.push(...reader.push(stream.subarray(at, at + pieceBytes)));
    }
    t.same(found, messages, `pieces of ${pieceBytes}`);
    t.ok(reader.atBoundary);
  }
  t.end();
});

void t.test('knows when it is inside a message', (t) => {
  const reader = new FrameReader(1000);
  reader.push(Buffer.from([0]));
  t.notOk(reader.atBoundary);
  reader.push(Buffer.from([0, 0, 0, 1]));
  t.notOk(reader.atBoundary);
  reader.push(Buffer.from('a'));
  t.ok(reader.atBoundary);
  t.end();
});

void t.test('checks the declared length and the compression flag at the header', (t) => {
  t.throws(() => new FrameReader(10).push(Buffer.from([0, 0, 0, 0, 11])), { code: 'TOO_LARGE' });
  t.throws(() => new FrameReader(10).push(Buffer.from([1, 0, 0, 0, 1])), { code: 'COMPRESSED' });
  t.end();
});
