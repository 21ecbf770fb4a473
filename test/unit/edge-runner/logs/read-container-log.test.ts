import { appendFile, mkdir, rename, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import {
  readContainerLog,
  type ContainerLogHooks,
  type ContainerLogOptions,
} from '../../../../src/edge-runner/logs/read-container-log.ts';

/** One line of a log file, a second after the one of the number before. */
function line(number: number, text = `line ${number}`, tag = 'F'): string {
  const time = new Date(Date.UTC(2026, 0, 1) + number * 1000).toISOString();
  return `${time} stdout ${tag} ${text}\n`;
}

function lines(from: number, to: number): string {
  return Array.from({ length: to - from + 1 }, (_, index) => line(from + index)).join('');
}

function shown(from: number, to: number): string {
  return Array.from({ length: to - from + 1 }, (_, index) => `line ${from + index}\n`).join('');
}

async function read(
  path: string,
  options: ContainerLogOptions = {},
  hooks: Partial<ContainerLogHooks> = {},
): Promise<string> {
  const pieces: Buffer[] = [];
  const signal = new AbortController().signal;
  for await (const piece of readContainerLog(path, options, { signal, ...hooks })) {
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString();
}

void t.test('reads rotated files before the current one, compressed or not', async (t) => {
  const path = join(t.testdir(), '0.log');
  await writeFile(`${path}.20260101-000001.gz`, gzipSync(lines(1, 3)));
  await writeFile(`${path}.20260101-000002`, lines(4, 6));
  await writeFile(path, lines(7, 9));
  await writeFile(join(path, '..', '10.log'), lines(100, 101));
  await writeFile(`${path}.20260101-000003.tmp`, 'half written');

  t.equal(await read(path), shown(1, 9));
  for (let tailLines = 0; tailLines <= 10; tailLines++) {
    t.equal(
      await read(path, { tailLines }),
      tailLines === 0 ? '' : shown(Math.max(1, 10 - tailLines), 9),
      `last ${tailLines}`,
    );
  }
  t.equal(await read(path, { sinceTime: '2026-01-01T00:00:05Z' }), shown(5, 9));
  t.equal(await read(path, { tailLines: 8, sinceTime: '2026-01-01T00:00:05Z' }), shown(5, 9));
  t.equal(await read(path, { tailLines: 5, limitBytes: 10 }), shown(5, 6).slice(0, 10));
});

void t.test('prefers the plain file while its compressed form is being made', async (t) => {
  const path = join(t.testdir(), '0.log');
  await writeFile(`${path}.20260101-000001`, lines(1, 2));
  await writeFile(`${path}.20260101-000001.gz`, gzipSync(lines(1, 2)).subarray(0, 20));
  await writeFile(path, lines(3, 3));
  t.equal(await read(path), shown(1, 3));
});

void t.test('counts a line written in parts once, also across files', async (t) => {
  const path = join(t.testdir(), '0.log');
  await writeFile(`${path}.20260101-000001`, line(1) + line(2, 'two ', 'P'));
  await writeFile(path, line(2, 'halves') + line(3) + line(4, 'not yet ', 'P'));
  t.equal(await read(path, { tailLines: 1 }), 'not yet ');
  t.equal(await read(path, { tailLines: 2 }), 'line 3\nnot yet ');
  t.equal(await read(path, { tailLines: 3 }), 'two halves\nline 3\nnot yet ');
  t.equal(await read(path, { tailLines: 4 }), 'line 1\ntwo halves\nline 3\nnot yet ');
});

void t.test('gives no more last lines than asked for while more are written', async (t) => {
  const path = join(t.testdir(), '0.log');
  await writeFile(`${path}.20260101-000001`, lines(1, 2));
  await writeFile(path, lines(3, 4));
  const { signal } = new AbortController();
  let text = '';
  for await (const piece of readContainerLog(path, { tailLines: 3 }, { signal })) {
    if (text === '') await appendFile(path, lines(5, 6));
    text += piece.toString();
  }
  t.equal(text, shown(2, 4));
});

void t.test('finds the last lines whatever their lengths and the block borders', async (t) => {
  let state = 7;
  const random = (max: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % max;
  };
  const path = join(t.testdir(), '0.log');
  const texts = Array.from({ length: 400 }, (_, i) => `${i} ${'x'.repeat(random(3000))}`);
  await writeFile(path, texts.map((text, i) => line(i, text)).join(''));
  for (const tailLines of [1, 2, 17, 43, 44, 45, 100, 399, 400, 401]) {
    t.equal(
      await read(path, { tailLines }),
      texts
        .slice(-tailLines)
        .map((text) => `${text}\n`)
        .join(''),
      `last ${tailLines}`,
    );
  }
});

void t.test('reads through a symbolic link, and beside its target', async (t) => {
  const dir = t.testdir();
  await mkdir(join(dir, 'real'));
  await writeFile(join(dir, 'real', '0.log.20260101-000001'), lines(1, 1));
  await writeFile(join(dir, 'real', '0.log'), lines(2, 2));
  await symlink(join(dir, 'real', '0.log'), join(dir, 'link.log'));
  t.equal(await read(join(dir, 'link.log')), shown(1, 2));
});

void t.test(
  'between rotation and reopening the rotated file stands for the current one',
  async (t) => {
    const path = join(t.testdir(), '0.log');
    await writeFile(`${path}.20260101-000001`, lines(1, 2));
    t.equal(await read(path), shown(1, 2));
  },
);

void t.test('says that there is no log', async (t) => {
  const dir = t.testdir();
  await t.rejects(read(join(dir, '0.log')), { name: 'LogError', code: 'LOG_NOT_FOUND' });
  await t.rejects(read(join(dir, 'nowhere', '0.log'), { follow: true }), {
    name: 'LogError',
    code: 'LOG_NOT_FOUND',
  });
});

void t.test('says that a compressed file is damaged', async (t) => {
  const path = join(t.testdir(), '0.log');
  await writeFile(`${path}.20260101-000001.gz`, 'this is not gzip');
  await writeFile(path, lines(1, 1));
  await t.rejects(read(path), { name: 'LogError', code: 'LOG_UNREADABLE' });
});

/** Collects what following shows, and waits for it by what was shown. */
class Follower {
  text = '';
  readonly done: Promise<void>;
  #wake: (() => void) | undefined;

  constructor(path: string, options: ContainerLogOptions, hooks: ContainerLogHooks) {
    this.done = this.#run(path, options, hooks);
  }

  async until(expected: string): Promise<void> {
    while (!this.text.includes(expected)) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async #run(path: string, options: ContainerLogOptions, hooks: ContainerLogHooks): Promise<void> {
    for await (const piece of readContainerLog(path, { follow: true, ...options }, hooks)) {
      this.text += piece.toString();
      this.#wake?.();
    }
  }
}

void t.test(
  'follows writes, rotations and the end of the container',
  { timeout: 5000 },
  async (t) => {
    const path = join(t.testdir(), '0.log');
    await writeFile(path, lines(1, 2));
    const ended = new AbortController();
    const signal = new AbortController().signal;
    const follower = new Follower(path, { tailLines: 1 }, { signal, ended: ended.signal });
    await follower.until('line 2\n');

    await appendFile(path, line(3));
    await follower.until('line 3\n');

    await rename(path, `${path}.20260101-000001`);
    await appendFile(`${path}.20260101-000001`, line(4));
    await writeFile(path, line(5));
    await follower.until('line 5\n');

    await rename(path, `${path}.20260101-000002`);
    await writeFile(path, line(6));
    await rename(path, `${path}.20260101-000003`);
    await writeFile(path, line(7));
    await follower.until('line 7\n');

    await appendFile(path, line(8));
    ended.abort();
    await follower.done;
    t.equal(follower.text, shown(2, 8));
  },
);

void t.test('following starts over in a file that was emptied', { timeout: 5000 }, async (t) => {
  const path = join(t.testdir(), '0.log');
  await writeFile(path, lines(1, 3));
  const gone = new AbortController();
  const follower = new Follower(path, {}, { signal: gone.signal });
  await follower.until('line 3\n');
  await truncate(path);
  await appendFile(path, line(4));
  await follower.until('line 4\n');
  gone.abort();
  await follower.done;
  t.equal(follower.text, shown(1, 4));
});

void t.test(
  'following ends when the reader has gone or the limit is reached',
  { timeout: 5000 },
  async (t) => {
    const path = join(t.testdir(), '0.log');
    await writeFile(path, lines(1, 1));
    const gone = new AbortController();
    const follower = new Follower(path, {}, { signal: gone.signal });
    await follower.until('line 1\n');
    gone.abort(new Error('the client closed'));
    await follower.done;

    const limited = new Follower(path, { limitBytes: 9 }, { signal: new AbortController().signal });
    await limited.until('line 1\n');
    await appendFile(path, lines(2, 2));
    await limited.done;
    t.equal(limited.text, 'line 1\nli');
  },
);

void t.test(
  'following a container that has ended shows all and ends',
  { timeout: 5000 },
  async (t) => {
    const path = join(t.testdir(), '0.log');
    await writeFile(path, lines(1, 3));
    const ended = AbortSignal.abort();
    t.equal(await read(path, { follow: true }, { ended }), shown(1, 3));
  },
);
