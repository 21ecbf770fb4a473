import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import t from 'tap';
import { informSystemd } from '../../../../src/edge-runner/run/inform-systemd.ts';

/** A service manager's socket; Node has no datagram sockets in the file system, and Debian always has Perl. */
const listener = `
use Socket; $| = 1;
socket(S, AF_UNIX, SOCK_DGRAM, 0) and bind(S, pack_sockaddr_un($ARGV[0])) or die $!;
print "listening\\n";
while (recv(S, $text, 4096, 0), length $text) { $text =~ s/\\n/ /g; print "$text\\n"; }
`;

const missing = ['perl', 'systemd-notify'].filter(
  (program) => spawnSync(program, ['--version']).error !== undefined,
);

void t.test(
  'systemd hears that the runner is up, alive, and at its end',
  { skip: missing.length > 0 && `no ${missing.join(', ')}` },
  async (t) => {
    // The path of a socket must be short.
    const dir = await mkdtemp(join(tmpdir(), 'notify-'));
    const socket = join(dir, 'notify.sock');
    const perl = spawn('perl', ['-e', listener, socket]);
    const ended = once(perl, 'exit');
    t.teardown(async () => {
      perl.kill();
      await ended;
      await rm(dir, { recursive: true });
    });
    const lines = createInterface(perl.stdout)[Symbol.asyncIterator]();
    /** The next notice; a barrier only asks whether the ones before it were read. */
    const next = async (): Promise<string> => {
      const line = (await lines.next()).value ?? '';
      return line.startsWith('BARRIER=1') ? next() : line;
    };
    t.equal(await next(), 'listening');
    const stop = new AbortController();
    const told = informSystemd(
      { ...process.env, NOTIFY_SOCKET: socket, WATCHDOG_USEC: '30000' },
      () => 'site acme/berlin',
      stop.signal,
    );
    t.equal(await next(), 'READY=1 STATUS=site acme/berlin');
    t.equal(await next(), 'WATCHDOG=1 STATUS=site acme/berlin');
    t.equal(await next(), 'WATCHDOG=1 STATUS=site acme/berlin');
    stop.abort();
    await told;
    let last = await next();
    while (last.startsWith('WATCHDOG')) last = await next();
    t.equal(last, 'STOPPING=1 STATUS=site acme/berlin');
  },
);

void t.test('without systemd it does nothing, and one that is gone is no failure', async (t) => {
  const { signal } = new AbortController();
  await informSystemd({}, () => '', signal);
  await informSystemd({ ...process.env, NOTIFY_SOCKET: '/nowhere' }, () => '', signal);
  t.pass('both end');
});
