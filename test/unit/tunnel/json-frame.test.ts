import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { inspect } from 'node:util';
import t from 'tap';
import { FrameReader, writeFrame } from '../../../src/tunnel/json-frame.ts';
import { ReceiveWindow } from '../../../src/tunnel/receive-window.ts';
import { TunnelStream } from '../../../src/tunnel/stream.ts';

function frame(json: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(Buffer.byteLength(json));
  return Buffer.concat([length, Buffer.from(json)]);
}

void t.test('values arrive as they were written, and then the end', async (t) => {
  const stream = new PassThrough();
  const values = [{ a: [1, 'é', null] }, 'text', 7, {}];
  for (const value of values) await writeFrame(stream, value);
  stream.end();
  const reader = new FrameReader(stream, 100);
  for (const value of values) t.strictSame(await reader.read(), value);
  t.equal(await reader.read(), undefined);
  t.equal(await reader.read(), undefined, 'and again');
});

void t.test('frames are read one byte at a time', async (t) => {
  const stream = new PassThrough();
  const reader = new FrameReader(stream, 100);
  const reading = reader.read();
  for (const byte of frame('{"x":1}')) {
    stream.write(Buffer.of(byte));
    await new Promise(setImmediate);
  }
  t.strictSame(await reading, { x: 1 });
});

void t.test('a frame is read whose pieces arrived at once', async (t) => {
  const nobody = {
    schedule: () => undefined,
    forget: () => undefined,
    creditDue: () => undefined,
    unread: () => undefined,
  };
  const stream = new TunnelStream({
    ...{ id: 1, inbound: true, host: nobody, streamClass: 'control' },
    ...{
      window: new ReceiveWindow({ initialBytes: 1000, maxBytes: 1000 }),
      sendWindowBytes: 0,
      writeBufferBytes: 1,
    },
  });
  const reader = new FrameReader(stream, 200);
  for (const value of ['one', 'two', 'x'.repeat(100)]) {
    const reading = reader.read();
    await new Promise(setImmediate);
    const bytes = frame(JSON.stringify(value));
    for (let from = 0; from < bytes.length; from += 40) {
      stream.receive(bytes.subarray(from, from + 40));
    }
    t.equal(await reading, value);
  }
});

void t.test('what follows a frame stays on the stream as raw bytes', async (t) => {
  for (const cut of [0, 3, 11, 14]) {
    const stream = new PassThrough();
    const wire = Buffer.concat([frame('{"x":1}'), Buffer.from('raw bytes')]);
    stream.write(wire.subarray(0, cut));
    const reader = new FrameReader(stream, 100);
    const head = reader.read();
    await new Promise(setImmediate);
    stream.end(wire.subarray(cut));
    t.strictSame(await head, { x: 1 });
    reader.release();
    t.equal(await text(stream), 'raw bytes', `cut at ${cut}`);
  }
});

void t.test('raw bytes can be consumed by events too', async (t) => {
  const stream = new PassThrough();
  stream.write(frame('1'));
  stream.write('abc');
  await new FrameReader(stream, 100).read();
  const chunk = await new Promise((resolve) => stream.once('data', resolve));
  t.equal(String(chunk), 'abc');
});

void t.test('a long frame is refused at its length', async (t) => {
  const stream = new PassThrough();
  stream.write(Buffer.from('7fffffff', 'hex'));
  await t.rejects(new FrameReader(stream, 100).read(), { code: 'FRAME_TOO_LARGE' });
});

void t.test('a broken frame is not quoted', async (t) => {
  const stream = new PassThrough();
  stream.end(frame('"password123" is no JSON'));
  const failed = await new FrameReader(stream, 100).read().catch((error: unknown) => error);
  t.match(failed, { code: 'FRAME_INVALID' });
  t.notMatch(inspect(failed), /password123/);
});

void t.test('broken frames have codes of their own', async (t) => {
  const cases: [Buffer, string][] = [
    [frame('{'), 'FRAME_INVALID'],
    [frame(''), 'FRAME_INVALID'],
    [frame('['.repeat(65) + ']'.repeat(65)), 'FRAME_INVALID'],
    [Buffer.from([0, 0]), 'FRAME_TRUNCATED'],
    [frame('{"x":1}').subarray(0, 8), 'FRAME_TRUNCATED'],
  ];
  for (const [bytes, code] of cases) {
    const stream = new PassThrough();
    stream.end(bytes);
    await t.rejects(new FrameReader(stream, 200).read(), { code });
  }
});

void t.test('the error of the stream, the signal and release end a read', async (t) => {
  const failing = new PassThrough();
  const failed = new FrameReader(failing, 100).read();
  failing.destroy(new RangeError('gone'));
  await t.rejects(failed, { message: 'gone' });
  await t.rejects(new FrameReader(failing, 100).read(), { message: 'gone' });
  const aborted = new FrameReader(new PassThrough(), 100).read(AbortSignal.abort());
  await t.rejects(aborted, { code: 'ABORTED' });
  const reader = new FrameReader(new PassThrough(), 100);
  const released = reader.read();
  reader.release();
  await t.rejects(released, { code: 'ABORTED' });
});

void t.test('writing to a destroyed stream rejects', async (t) => {
  const stream = new PassThrough();
  stream.on('error', () => undefined);
  stream.destroy();
  await t.rejects(writeFrame(stream, 1), { code: 'ERR_STREAM_DESTROYED' });
});
