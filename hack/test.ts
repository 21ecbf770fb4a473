import { spawn } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { arch } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { performance } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { compileRunner } from './build-runner/compile-runner.ts';
import { fetchRuntime } from './build-runner/fetch-runtime.ts';
import { findControlPlanes } from './lab/control-planes.ts';
import { ensurePackages } from './lab/packages.ts';
import { storyLine } from './tap-story.ts';

/**
 * `npm test [suite…]`: static checks and every test suite, or only the suites named. Prints each
 * test file with its result as it ends, what failed in full, of the fault tests all that they did and
 * saw, and closes with `N passed, N failed`.
 */
interface Suite {
  folders: string[];
  /** Below these folders, test files that the suite leaves out, and why. */
  without?: Record<string, string>;
  /** What runs a test file, before its name; this Node by default. */
  runtime?: () => Promise<string[]>;
  /** Added to the environment. */
  env?: () => Promise<Record<string, string>>;
  /** How many test files run at a time; suites on real parts take turns. */
  parallel: number;
  timeoutMs: number;
  /** Runs only when it is named. */
  onRequest?: boolean;
  /** Prints what its tests did and saw, as it happens. */
  tellsAll?: boolean;
  /** Runs on Kubernetes and containerd, which are installed and built before the first such suite. */
  onRealParts?: boolean;
}

interface Count {
  passed: number;
  failed: number;
}

const root = join(import.meta.dirname, '..');
const bin = join(root, 'node_modules/.bin');

const checks: Record<string, string[]> = {
  format: ['prettier', '--check', '.'],
  lint: ['eslint', '.'],
  imports: ['depcruise', '--config', '.dependency-cruiser.mjs', 'src', 'test', 'hack', 'bench'],
  types: ['tsc', '--noEmit'],
};

const progress = (line: string): void => {
  console.log(`· ${line}`);
};

const suites: Record<string, Suite> = {
  unit: { folders: ['test/unit'], parallel: 2, timeoutMs: 120_000 },
  bun: {
    folders: ['edge-runner', 'kube', 'protocol', 'tunnel'].map((room) => `test/unit/${room}`),
    without: {
      'test/unit/edge-runner/pod/gone-pods.test.ts':
        "it asks Node's engine which objects there are, and Bun's tells that in another way",
      'test/unit/edge-runner/volumes/sub-path.test.ts':
        'its attacker hardly ever loses the race there, so that it takes minutes',
      'test/unit/tunnel/websocket-carrier.test.ts':
        "it attacks the accepting end, which is the provider's and runs on Node",
    },
    runtime: async () => [
      await fetchRuntime(arch() === 'arm64' ? 'arm64' : 'x64', progress),
      ...['--preload', './test/under-bun/preload.ts'],
    ],
    ...{ parallel: 2, timeoutMs: 60_000 },
  },
  fuzz: { folders: ['test/fuzz'], parallel: 2, timeoutMs: 300_000 },
  contract: { folders: ['test/contract'], parallel: 1, timeoutMs: 300_000, onRealParts: true },
  integration: {
    folders: ['test/integration'],
    ...{ parallel: 1, timeoutMs: 300_000, onRealParts: true },
  },
  e2e: {
    folders: ['test/e2e'],
    env: shippedRunner,
    ...{ parallel: 1, timeoutMs: 900_000, onRealParts: true },
  },
  fault: {
    folders: ['test/fault'],
    env: shippedRunner,
    ...{ parallel: 1, timeoutMs: 3_600_000, onRealParts: true, onRequest: true, tellsAll: true },
  },
};

/** End to end, devices run the executable that is shipped, unless somebody has chosen another. */
async function shippedRunner(): Promise<Record<string, string>> {
  const chosen = process.env['TOWLINE_RUNNER'];
  if (chosen !== undefined) return {};
  const target = arch() === 'arm64' ? 'arm64' : 'x64';
  const file = await compileRunner({ target, root, into: join(root, 'dist'), progress });
  return { TOWLINE_RUNNER: file };
}

async function main(names: readonly string[]): Promise<number> {
  const unknown = names.filter((name) => !(name in suites) && name !== 'static');
  if (unknown.length > 0) {
    console.error(
      `there is no suite "${unknown.join(', ')}"; there are static, ${Object.keys(suites).join(', ')}`,
    );
    return 1;
  }
  const wanted = (name: string): boolean => names.length === 0 || names.includes(name);
  const total: Count = { passed: 0, failed: 0 };
  if (wanted('static')) await runStatic(total);
  let prepared = false;
  for (const [name, suite] of Object.entries(suites)) {
    const skipped = suite.onRequest === true && !names.includes(name);
    if (!wanted(name) || skipped) continue;
    if (suite.onRealParts === true && !prepared) await prepareRealParts();
    prepared ||= suite.onRealParts === true;
    await runSuite(name, suite, total);
  }
  console.log(`${total.passed} passed, ${total.failed} failed`);
  return total.failed === 0 && total.passed > 0 ? 0 : 1;
}

function tell(line: string): void {
  const story = storyLine(line);
  if (story !== undefined) console.log(`       ${story}`);
}

/** Here and not in the first test that needs it: on a new machine it takes longer than a test may. */
async function prepareRealParts(): Promise<void> {
  await ensurePackages(progress);
  const { found } = await findControlPlanes(progress);
  progress(`control planes: ${found.map(({ name }) => name).join(', ')}`);
}

async function runStatic(total: Count): Promise<void> {
  for (const [name, [command = '', ...args]] of Object.entries(checks)) {
    const result = await run(join(bin, command), args, 600_000);
    report(`static/${name}`, result.code === 0, result);
    if (result.code === 0) total.passed += 1;
    else total.failed += 1;
  }
}

async function runSuite(name: string, suite: Suite, total: Count): Promise<void> {
  const files = await testFiles(suite);
  const [command = '', ...args] = (await suite.runtime?.()) ?? [process.execPath];
  const env = (await suite.env?.()) ?? {};
  console.log(`${name}: ${files.length} test files`);
  const queue = [...files];
  const work = async (): Promise<void> => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      const onLine = suite.tellsAll === true ? tell : undefined;
      const result = await run(command, [...args, file], suite.timeoutMs, { env, onLine });
      const count = countAssertions(result.output);
      if (result.code !== 0 && count.failed === 0) count.failed = 1;
      const label = suite.runtime === undefined ? '' : `${name}: `;
      report(`${label}${relative(root, file)}`, count.failed === 0, result);
      total.passed += count.passed;
      total.failed += count.failed;
    }
  };
  await Promise.all(Array.from({ length: suite.parallel }, work));
}

async function testFiles({ folders, without = {} }: Suite): Promise<string[]> {
  const files: string[] = [];
  for (const folder of folders.map((name) => join(root, name))) {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
    const tests = entries.filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'));
    files.push(...tests.map((entry) => join(entry.parentPath, entry.name)));
  }
  return files.filter((file) => !Object.hasOwn(without, relative(root, file))).sort();
}

/** Counts a TAP run's innermost results: assertions, not the subtests around them. */
function countAssertions(tap: string): Count {
  const count: Count = { passed: 0, failed: 0 };
  const lines = tap.split('\n');
  for (const line of lines) {
    const match = /^(\s*)(not )?ok \d+(.*)$/.exec(line);
    if (match === null || / # (SKIP|TODO)/.test(line) || / # time=/.test(line)) continue;
    if (match[2] === undefined) count.passed += 1;
    else count.failed += 1;
  }
  return count;
}

interface Result {
  code: number;
  output: string;
  seconds: number;
}

function run(
  command: string,
  args: string[],
  timeoutMs: number,
  options: { env?: Record<string, string>; onLine?: ((line: string) => void) | undefined } = {},
): Promise<Result> {
  const { env = {}, onLine } = options;
  const startedAtMs = performance.now();
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        ...env,
        PATH: `${dirname(process.execPath)}:${bin}:${process.env['PATH'] ?? ''}`,
      },
    });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    if (onLine !== undefined) createInterface(child.stdout).on('line', onLine);
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
    const deadline = setTimeout(() => {
      chunks.push(Buffer.from(`\nstopped: not finished after ${timeoutMs / 1000} s\n`));
      child.kill('SIGTERM');
      setTimeout(() => child.kill('SIGKILL'), 20_000).unref();
    }, timeoutMs);
    child.once('error', (error) => chunks.push(Buffer.from(String(error))));
    child.once('close', (code) => {
      clearTimeout(deadline);
      const seconds = (performance.now() - startedAtMs) / 1000;
      resolve({ code: code ?? 1, output: Buffer.concat(chunks).toString(), seconds });
    });
  });
}

function report(name: string, passed: boolean, result: Result): void {
  console.log(`${passed ? 'ok    ' : 'FAILED'} ${name} (${result.seconds.toFixed(1)} s)`);
  for (const line of result.output.split('\n')) {
    if (/ # SKIP/.test(line)) console.log(`       ${line.trim()}`);
  }
  if (!passed) console.log(result.output.replace(/^/gm, '       '));
}

process.exitCode = await main(process.argv.slice(2));
