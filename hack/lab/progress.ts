/** Takes one line that says what is being done now, for a person who waits. */
export type Progress = (line: string) => void;

/** Nothing is told. */
export const silent: Progress = () => undefined;

const mentionAfterMs = 2_000;
const repeatAfterMs = 5_000;

/**
 * Runs `work` and tells what it is, then every five seconds how long it has taken, and at the end the
 * total. `detail` is asked each time for what is happening inside. Work of less than two seconds is
 * not mentioned.
 */
export async function withProgress<T>(
  progress: Progress,
  what: string,
  work: () => Promise<T>,
  detail: () => string = () => '',
): Promise<T> {
  const startedAtMs = Date.now();
  const elapsed = (): string => `${Math.round((Date.now() - startedAtMs) / 1000)} s`;
  const tell = (): void => {
    const inside = detail();
    progress(`${what} … ${elapsed()}${inside === '' ? '' : ` (${inside})`}`);
  };
  const first = setTimeout(tell, mentionAfterMs);
  const repeat = setInterval(tell, repeatAfterMs);
  try {
    const result = await work();
    if (Date.now() - startedAtMs >= mentionAfterMs) {
      progress(`${what}: done in ${elapsed()}`);
    }
    return result;
  } finally {
    clearTimeout(first);
    clearInterval(repeat);
  }
}
