import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Test } from 'tap';
import { run } from '../../../hack/lab/command.ts';
import { planContainerd } from '../../../hack/lab/containerd-config.ts';
import type { Device } from '../../../hack/lab/device.ts';
import type { Cluster } from '../cluster.ts';
import { endInOneLine, onDevice, programs, type BadCall } from './one-line.ts';
import { plainHttpServer, silentServer } from './silent-server.ts';

const prefix = 'towline-runner run';

/** Running on a device where something is missing or in the way. */
export async function running(t: Test, cluster: Cluster, device: Device): Promise<void> {
  const { site } = cluster;
  const dir = join(device.dir, 'bad');
  const siteDir = join(site.device.dir, 'towline');
  const joined = await copyOfIdentity(siteDir, join(dir, 'joined'));
  const call = (
    name: string,
    says: RegExp,
    changes: { state?: string; socket?: string; logs?: string; memory?: string } = {},
  ): BadCall => ({
    ...{ name, says },
    args: [
      ...['run', '--state-dir', changes.state ?? joined],
      ...['--containerd', changes.socket ?? device.socket],
      ...['--log-dir', changes.logs ?? join(dir, 'logs')],
      ...['--memory-dir', changes.memory ?? join(dir, 'memory')],
      ...['--cgroup-root', device.cgroupRoot],
    ],
  });
  const sockets = { silent: join(dir, 'silent.sock'), http: join(dir, 'http.sock') };
  await silentServer(t, { path: sockets.silent });
  await plainHttpServer(t, { path: sockets.http });
  const withoutCri = await containerdWithoutCri(device, dir);

  await endInOneLine(t, {
    prefix,
    run: onDevice(device, programs.runner),
    calls: [
      call('no containerd', /there is no containerd at \S+ \(ENOENT\).*--containerd/, {
        socket: join(dir, 'none.sock'),
      }),
      call('a file for a socket', /no containerd answers at \S+ \(/, { socket: programs.runner }),
      call('another socket', /is not containerd's socket: say with --containerd/, {
        socket: sockets.http,
      }),
      call('a containerd without CRI', /has no CRI v1: take "cri" out of disabled_plugins/, {
        socket: withoutCri,
      }),
      {
        ...call('a socket that says nothing', /does not answer within 5 s.*systemctl status/, {
          socket: sockets.silent,
        }),
        progress: /waiting for containerd/,
        slow: true,
      },
      call('a device that has not joined', /there is no identity in \S+: join a site first/, {
        state: join(dir, 'fresh'),
      }),
      call('a second runner', /another runner uses \S+: stop it first/, { state: siteDir }),
      call('a file for the state', /state directory .* cannot be used/, { state: programs.runner }),
      call('a damaged key', /key\.pem is damaged; join again with --force/, {
        state: await damaged(joined, join(dir, 'key'), 'identity/key.pem'),
      }),
      call('a file for the logs', /--log-dir: .* cannot be made/, { logs: `${programs.runner}/x` }),
      call('a file for secrets', /--memory-dir: .* cannot be made/, { memory: programs.runner }),
      {
        name: 'a flag that is none',
        args: ['run', '--foo'],
        says: /Unknown option '--foo'.*--help/,
      },
      { name: 'a word too many', args: ['run', 'foo'], says: /Unexpected argument 'foo'.*--help/ },
      {
        name: 'no such level',
        args: ['run', '--log-level', 'loud'],
        says: /"loud" is none of trace/,
      },
    ],
  });
  for (const args of [[], ['rum']]) {
    await endInOneLine(t, {
      prefix: 'towline-runner',
      run: onDevice(device, programs.runner),
      calls: [
        { name: `words ${args.join(' ')}`, args, says: /command.*see towline-runner --help/ },
      ],
    });
  }
  await endInOneLine(t, {
    prefix,
    run: (_args, options) =>
      run(process.execPath, ['--input-type=module', '-e', asNobody], options),
    calls: [{ name: 'not root', args: [], says: /run this as root.*sudo towline-runner run/ }],
  });
  t.ok(site.runner.isRunning(), 'the runner of the site has felt nothing');
}

/** What nobody may read is read before nobody runs it. */
const asNobody = `
  const { runCommand } = await import(${JSON.stringify(
    join(dirname(programs.runner), 'run/run-command.ts'),
  )});
  process.setgroups([]);
  process.setgid(65534);
  process.setuid(65534);
  process.exitCode = await runCommand([], { ...process, signal: AbortSignal.abort() }, {});
`;

async function copyOfIdentity(from: string, to: string): Promise<string> {
  await mkdir(to, { recursive: true });
  await cp(join(from, 'identity'), join(to, 'identity'), { recursive: true, dereference: true });
  return to;
}

async function damaged(from: string, to: string, file: string): Promise<string> {
  await copyOfIdentity(from, to);
  await rm(join(to, file), { force: true });
  await writeFile(join(to, file), 'no more what it was');
  return to;
}

/** Starts a containerd whose CRI plugin is switched off. @returns its socket. */
async function containerdWithoutCri(device: Device, dir: string): Promise<string> {
  const layout = planContainerd(join(dir, 'c'));
  await mkdir(layout.dir, { recursive: true });
  const config = await readFile(planContainerd(device.dir).configFile, 'utf8');
  await writeFile(
    layout.configFile,
    config
      .replaceAll(device.dir, layout.dir)
      .replace('disabled_plugins = [', 'disabled_plugins = ["io.containerd.grpc.v1.cri",'),
  );
  const containerd = await device.exec({
    name: 'containerd-without-cri',
    command: 'containerd',
    args: ['--config', layout.configFile],
  });
  const ping = ['--address', layout.socket, 'version'];
  await containerd.readyWhen(async () => (await device.run('ctr', ping)).code === 0, {
    what: 'a containerd without CRI',
    timeoutMs: 20_000,
  });
  return layout.socket;
}
