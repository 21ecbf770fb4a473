import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { match, same, strict } from 'tcompare';

type Body = (t: MiniTap) => unknown;
type Folder = { readonly [name: string]: string | Buffer | Folder };
type Compare = (actual: unknown, expected: unknown) => { match: boolean; diff: string };

/**
 * As much of `tap` as the tests of what runs on a device use, for Bun, on which tap itself doesn't
 * load (it needs node:v8's serializer). Results go to standard output as TAP.
 */
export class MiniTap {
  readonly #indent: string;
  readonly #teardowns: (() => unknown)[] = [];
  readonly #ended = Promise.withResolvers<undefined>();
  #queue: Promise<unknown> = Promise.resolve();
  #count = 0;
  #failures = 0;

  constructor(indent: string) {
    this.#indent = indent;
  }

  /** Subtests run one after the other, in the order in which they were made. */
  test(name: string, ...rest: (Body | { skip?: string | boolean })[]): Promise<void> {
    const body = rest.find((part) => typeof part === 'function');
    const options = rest.find((part) => typeof part === 'object');
    const run = this.#queue.then(async () => {
      if (options?.skip !== undefined && options.skip !== false) {
        this.#say(true, `${name} # SKIP ${options.skip}`);
      } else if (body !== undefined) {
        this.#say((await new MiniTap(`${this.#indent}    `).run(body)) === 0, name);
      }
    });
    this.#queue = run;
    return run;
  }

  /** Runs a test body to its end. @returns how many of its assertions failed. */
  async run(body: Body): Promise<number> {
    try {
      const result = body(this);
      // As in tap: a test ends with its promise, or else when it says so.
      if (result instanceof Promise) await result;
      else await this.#ended.promise;
      await this.#queue;
    } catch (error) {
      this.fail(error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
    await this.finish();
    return this.#failures;
  }

  async finish(): Promise<number> {
    let last;
    do await (last = this.#queue);
    while (last !== this.#queue);
    for (const teardown of this.#teardowns.reverse()) await teardown();
    return this.#failures;
  }

  end(): void {
    this.#ended.resolve(undefined);
  }

  teardown(work: () => unknown): void {
    this.#teardowns.push(work);
  }

  setTimeout(): void {
    // Whoever runs the file limits it.
  }

  comment(...words: unknown[]): void {
    console.log(`${this.#indent}# ${words.map(String).join(' ')}`);
  }

  /** A folder with these files, until the test ends. */
  testdir(content: Folder = {}): string {
    const dir = mkdtempSync(join(tmpdir(), 'towline-test-'));
    this.teardown(() => {
      rmSync(dir, { recursive: true, force: true });
    });
    write(dir, content);
    return dir;
  }

  pass(message = 'passed'): boolean {
    return this.#say(true, message);
  }

  fail(message = 'failed'): boolean {
    return this.#say(false, message);
  }

  ok(value: unknown, message = 'is truthy'): boolean {
    return this.#say(Boolean(value), message);
  }

  notOk(value: unknown, message = 'is falsy'): boolean {
    return this.#say(!value, message);
  }

  equal(actual: unknown, expected: unknown, message?: string): boolean {
    const said = `${show(actual)} is ${show(expected)}`;
    return this.#say(Object.is(actual, expected), message, said);
  }

  not(actual: unknown, expected: unknown, message?: string): boolean {
    return this.#say(!Object.is(actual, expected), message, `is not ${show(expected)}`);
  }

  same(actual: unknown, expected: unknown, message?: string): boolean {
    return this.#compare(same, actual, expected, message);
  }

  notSame(actual: unknown, expected: unknown, message?: string): boolean {
    return this.#say(!same(actual, expected).match, message, 'is not the same');
  }

  strictSame(actual: unknown, expected: unknown, message?: string): boolean {
    return this.#compare(strict, actual, expected, message);
  }

  match(actual: unknown, expected: unknown, message?: string): boolean {
    return this.#compare(match, actual, expected, message);
  }

  notMatch(actual: unknown, expected: unknown, message?: string): boolean {
    return this.#say(!match(actual, expected).match, message, `does not match ${show(expected)}`);
  }

  type(actual: unknown, expected: string): boolean {
    return this.#say(typeof actual === expected, `is of type ${expected}`);
  }

  throws(work: () => unknown, expected: unknown = {}, message?: string): boolean {
    try {
      work();
    } catch (error) {
      return this.#compare(match, error, expected, message);
    }
    return this.fail(message ?? 'it throws');
  }

  async rejects(
    work: Promise<unknown> | (() => Promise<unknown>),
    expected: unknown = {},
    message?: string,
  ): Promise<boolean> {
    try {
      await (typeof work === 'function' ? work() : work);
    } catch (error) {
      if (typeof expected === 'string') return this.pass(expected);
      return this.#compare(match, error, expected, message);
    }
    return this.fail(message ?? 'it rejects');
  }

  #compare(compare: Compare, actual: unknown, expected: unknown, message?: string): boolean {
    const result = compare(actual, expected);
    return this.#say(result.match, message, result.match ? 'compares' : result.diff);
  }

  #say(passed: boolean, message: string | undefined, detail = ''): boolean {
    this.#count += 1;
    if (!passed) this.#failures += 1;
    const name = (message ?? detail).split('\n')[0] ?? '';
    console.log(`${this.#indent}${passed ? '' : 'not '}ok ${this.#count} - ${name}`);
    if (!passed) console.log(`${message ?? ''}\n${detail}`.replace(/^/gm, `${this.#indent}  `));
    return passed;
  }
}

function write(path: string, content: Folder | string | Buffer): void {
  if (typeof content === 'string' || Buffer.isBuffer(content)) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
    return;
  }
  mkdirSync(path, { recursive: true });
  for (const [name, child] of Object.entries(content)) write(join(path, name), child);
}

function show(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 200)) : String(value);
}
