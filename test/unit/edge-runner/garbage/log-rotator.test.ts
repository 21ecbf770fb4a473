import { readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { LogRotator } from '../../../../src/edge-runner/garbage/log-rotator.ts';

const log = pino({ level: 'silent' });
const signal = new AbortController().signal;

/** One container's log, and a runtime that opens it anew when asked. */
class Device {
  readonly dir: string;
  readonly logPath: string;
  readonly rotator: LogRotator;
  reopened = 0;
  failure: Error | undefined;
  nowMs = Date.parse('2026-01-02T03:04:05Z');

  constructor(t: Test, maxFiles = 4) {
    this.dir = t.testdir({});
    this.logPath = join(this.dir, '0.log');
    this.rotator = new LogRotator({
      reopen: async () => {
        if (this.failure !== undefined) throw this.failure;
        this.reopened += 1;
        await writeFile(this.logPath, '');
      },
      ...{ maxBytes: 10, maxFiles, nowMs: () => this.nowMs, log },
    });
  }

  /** Writes so much to the log, and has it looked at a second later. */
  async look(text: string): Promise<string[]> {
    await writeFile(this.logPath, text, { flag: 'a' });
    this.nowMs += 1000;
    return this.lookAgain();
  }

  async lookAgain(): Promise<string[]> {
    await this.rotator.rotate([{ id: 'c', logPath: this.logPath }], signal);
    return (await readdir(this.dir)).sort();
  }
}

void t.test('a log is rotated when it is too large, and not before', async (t) => {
  const device = new Device(t);
  t.same(await device.look('0123456789'), ['0.log']);
  t.same(await device.look('a'), ['0.log', '0.log.20260102-030407']);
  t.equal(device.reopened, 1);
  t.equal(await readFile(join(device.dir, '0.log.20260102-030407'), 'utf8'), '0123456789a');
});

void t.test('all but the newest rotated file are compressed, and no more are kept', async (t) => {
  const device = new Device(t);
  for (const letter of 'abcde') await device.look(letter.repeat(20));
  const names = await device.lookAgain();
  t.same(names, [
    ...['0.log', '0.log.20260102-030408.gz', '0.log.20260102-030409.gz'],
    '0.log.20260102-030410',
  ]);
  const packed = await readFile(join(device.dir, names[1] ?? ''));
  t.equal(gunzipSync(packed).toString(), 'c'.repeat(20));
});

void t.test('a runtime that can’t open the file anew keeps the one that it has', async (t) => {
  const device = new Device(t);
  device.failure = new TypeError('no runtime');
  t.same(await device.look('x'.repeat(20)), ['0.log']);
  device.failure = undefined;
  t.same(await device.look('y'), ['0.log', '0.log.20260102-030407']);
});

void t.test('what an interrupted rotation left is put in order', async (t) => {
  const device = new Device(t);
  await device.look('x'.repeat(20));
  await rename(device.logPath, join(device.dir, '0.log.20260102-030500'));
  t.same((await device.lookAgain()).includes('0.log'), true, 'the runtime has a file again');
  await writeFile(join(device.dir, '0.log.20260102-030400.tmp'), 'half');
  await writeFile(join(device.dir, '0.log.20260102-030500.gz'), 'whole');
  const names = await device.look('y'.repeat(20));
  t.notOk(names.some((name) => name.endsWith('.tmp')));
  t.notOk(names.includes('0.log.20260102-030500'), 'its compressed form is whole');
  t.equal(await readFile(join(device.dir, '0.log.20260102-030500.gz'), 'utf8'), 'whole');
});

void t.test('a name that an older file has is never given again', async (t) => {
  const device = new Device(t);
  await device.look('x'.repeat(20));
  // The clock stands still, or was set back.
  await writeFile(device.logPath, 'y'.repeat(20));
  t.same(await device.lookAgain(), ['0.log', '0.log.20260102-030406.gz']);
  t.equal(await readFile(device.logPath, 'utf8'), 'y'.repeat(20));
  t.same(
    await device.lookAgain(),
    ['0.log', '0.log.20260102-030406.gz'],
    'as often as it is looked at',
  );
  t.same(await device.look('y'), ['0.log', '0.log.20260102-030406.gz', '0.log.20260102-030407']);
  const packed = await readFile(join(device.dir, '0.log.20260102-030406.gz'));
  t.equal(gunzipSync(packed).toString(), 'x'.repeat(20));
});

void t.test('one log that fails doesn’t keep another from its turn', async (t) => {
  const device = new Device(t);
  await writeFile(device.logPath, 'x'.repeat(20));
  const elsewhere = { id: 'gone', logPath: join(device.dir, '0.log', 'no-folder', '0.log') };
  await device.rotator.rotate([elsewhere, { id: 'c', logPath: device.logPath }], signal);
  t.equal(device.reopened, 1);
});
