import { kubectl } from '../lab/kubectl.ts';
import { withProgress } from '../lab/progress.ts';
import type { LabSite } from '../lab/towline.ts';
import { waitFor } from '../lab/wait.ts';
import { DemoError } from './demo-error.ts';

/** What the story is told with. */
export interface Stage {
  readonly kubeconfig: string;
  readonly sites: readonly LabSite[];
  readonly signal: AbortSignal;
}

/** Says on standard error what is being done, so that standard output is the story alone. */
export function say(line: string): void {
  console.error(`· ${line}`);
}

const bold = (text: string): string => (process.stdout.isTTY ? `\x1b[1m${text}\x1b[0m` : text);

/** Prints what comes next. */
export function chapter(text: string): void {
  console.log(`\n${bold(`# ${text}`)}`);
}

/** Runs a kubectl command and shows it with its output. @throws DemoError when it fails. */
export async function show(stage: Stage, ...args: readonly string[]): Promise<string> {
  console.log(`$ kubectl ${args.map(quoted).join(' ')}`);
  const { stdout, stderr, code } = await kubectl(stage.kubeconfig, args, { signal: stage.signal });
  process.stdout.write(stdout);
  if (code !== 0) throw new DemoError(`kubectl ${args.join(' ')} failed: ${stderr.trim()}`);
  return stdout;
}

/** Waits for a kubectl question to have an answer. */
export async function until(
  stage: Stage,
  what: string,
  args: readonly string[],
  expected: string,
  timeoutMs = 60_000,
): Promise<void> {
  await withProgress(say, `waiting for ${what}`, () =>
    waitFor(async () => (await kubectl(stage.kubeconfig, args)).stdout.trim() === expected, {
      ...{ what, timeoutMs, intervalMs: 300, signal: stage.signal },
    }),
  );
}

/** Runs a command on the device and shows it. */
export async function showOnDevice(site: LabSite, text: string, ...args: string[]): Promise<void> {
  console.log(`(on the device) $ ${text}`);
  process.stdout.write(await site.device.ctr(...args));
}

function quoted(word: string): string {
  return /[\s"'$|;]/.test(word) ? `'${word}'` : word;
}
