import { execFileSync, spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';

const goPath = '/usr/share/gocode';

/** Why the Go peer can't be built here, or undefined when it can. */
export function missingForGoPeer(): string | undefined {
  try {
    execFileSync('go', ['version'], { stdio: 'ignore' });
  } catch {
    return 'Go is not installed (apt-get install golang-go)';
  }
  if (existsSync(join(goPath, 'src/github.com/hashicorp/yamux'))) return undefined;
  throw new TypeError(
    'Go is here and yamux is not: apt-get install golang-github-hashicorp-yamux-dev',
  );
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
