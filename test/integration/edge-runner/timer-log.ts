import { appendFileSync } from 'node:fs';
import { createRequire, syncBuiltinESMExports } from 'node:module';

/*
 * Loaded into a program by `node --import`: writes every timer that the program sets, a JSON line each,
 * to the file that TIMER_LOG names. Node's own timers, such as those of its sockets, are not seen.
 */

/** A timer as it was set. */
export interface TimerLine {
  readonly atMs: number;
  readonly delayMs: number;
  readonly stack: string;
}

type Timed = (...args: unknown[]) => unknown;
type Timers = Record<string, Timed>;

const file = process.env['TIMER_LOG'];
if (file !== undefined) {
  const require = createRequire(import.meta.url);
  const callbacks = require('node:timers') as Timers;
  const promises = require('node:timers/promises') as Timers & { scheduler: Timers };
  watch(globalThis as unknown as Timers, ['setTimeout', 'setInterval'], 1, file);
  watch(callbacks, ['setTimeout', 'setInterval'], 1, file);
  watch(promises, ['setTimeout', 'setInterval'], 0, file);
  watch(promises.scheduler, ['wait'], 0, file);
  watch(AbortSignal as unknown as Timers, ['timeout'], 0, file);
  syncBuiltinESMExports();
}

function watch(owner: Timers, names: readonly string[], delayAt: number, into: string): void {
  for (const name of names) {
    const original = owner[name];
    if (original === undefined) throw new TypeError(`there is no ${name}`);
    const watched: Timed = function (this: unknown, ...args) {
      const { stack = '' } = new Error(name);
      const line: TimerLine = { atMs: Date.now(), delayMs: Number(args[delayAt] ?? 0), stack };
      appendFileSync(into, `${JSON.stringify(line)}\n`);
      return original.apply(this, args);
    };
    // What else there is about it, for example how it is made a promise of.
    Object.defineProperties(watched, Object.getOwnPropertyDescriptors(original));
    Object.defineProperty(owner, name, { value: watched, configurable: true, writable: true });
  }
}
