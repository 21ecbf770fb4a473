/**
 * The number of a signal on Linux by its name in the API, as in `SIGUSR1` or `SIGRTMIN+3`; undefined
 * for a name that isn't one.
 * Source: signal(7), x86 and ARM; Kubernetes, core/v1 Signal.
 */
export function signalNumber(name: string): number | undefined {
  const realTime = /^SIGRT(?:MIN(?:\+(\d+))?|MAX(?:-(\d+))?)$/.exec(name);
  if (realTime === null) return numbers[name];
  const number = name.startsWith('SIGRTMIN')
    ? 34 + Number(realTime[1] ?? 0)
    : 64 - Number(realTime[2] ?? 0);
  return number >= 34 && number <= 64 ? number : undefined;
}

const names = [
  ...['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGILL', 'SIGTRAP', 'SIGABRT', 'SIGBUS', 'SIGFPE'],
  ...['SIGKILL', 'SIGUSR1', 'SIGSEGV', 'SIGUSR2', 'SIGPIPE', 'SIGALRM', 'SIGTERM', 'SIGSTKFLT'],
  ...['SIGCHLD', 'SIGCONT', 'SIGSTOP', 'SIGTSTP', 'SIGTTIN', 'SIGTTOU', 'SIGURG', 'SIGXCPU'],
  ...['SIGXFSZ', 'SIGVTALRM', 'SIGPROF', 'SIGWINCH', 'SIGIO', 'SIGPWR', 'SIGSYS'],
];

const numbers: Partial<Record<string, number>> = {
  ...Object.fromEntries(names.map((name, place) => [name, place + 1])),
  ...{ SIGIOT: 6, SIGCLD: 17, SIGPOLL: 29 },
};
