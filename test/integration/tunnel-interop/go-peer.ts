import { execFileSync, spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { LabError } from '../../../hack/lab/lab-error.ts';
import { ensurePackages, findProgram } from '../../../hack/lab/packages.ts';
import type { Progress } from '../../../hack/lab/progress.ts';

const goPath = '/usr/share/gocode';
const yamuxSource = join(goPath, 'src/github.com/hashicorp/yamux');

/**
 * Why the Go peer can't be built here, or undefined when it can. On Debian, as root, what is missing is
 * installed; a Go without hashicorp's yamux is a mistake in the machine, not a reason to skip.
 */
export async function missingForGoPeer(progress: Progress): Promise<string | undefined> {
  const requirements = [
    { paths: ['go'], debianPackage: 'golang-go' },
    { paths: [yamuxSource], debianPackage: 'golang-github-hashicorp-yamux-dev' },
  ];
  try {
    await ensurePackages(progress, requirements);
    return undefined;
  } catch (error) {
    if (error instanceof LabError && findProgram('go') === undefined) return error.message;
    throw error;
  }
}

/** Compiles peer.go once; `remove` deletes it. */
export function buildGoPeer(): { program: string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'yamux-peer-'));
  const program = join(folder, 'peer');
  const env = {
    ...process.env,
    GO111MODULE: 'off',
    GOPATH: goPath,
    GOCACHE: join(folder, 'cache'),
    GOFLAGS: '',
  };
  execFileSync('go', ['build', '-o', program, join(import.meta.dirname, 'peer.go')], { env });
  return {
    program,
    remove: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A running peer and the connection to it. */
export class GoPeer {
  readonly socket: Socket;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;

  private constructor(
    child: ChildProcessWithoutNullStreams,
    lines: AsyncIterator<string>,
    socket: Socket,
  ) {
    this.#child = child;
    this.#lines = lines;
    this.socket = socket;
  }

  static async start(program: string, role: 'client' | 'server'): Promise<GoPeer> {
    const child = spawn(program, ['-role', role]);
    const reader: Interface = createInterface(child.stdout);
    const lines = reader[Symbol.asyncIterator]();
    child.stderr.resume();
    const port = Number((await lines.next()).value);
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return new GoPeer(child, lines, socket);
  }

  /** Gives a command; resolves with the peer's answer. */
  async command(line: string): Promise<string> {
    this.#child.stdin.write(`${line}\n`);
    const answer = await this.#lines.next();
    return answer.done === true ? 'the peer has ended' : answer.value;
  }

  async stop(): Promise<void> {
    this.socket.destroy();
    if (this.#child.exitCode !== null) return;
    this.#child.kill();
    await once(this.#child, 'exit');
  }
}
