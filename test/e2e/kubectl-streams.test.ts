import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { spawnKubectl, spawnKubectlOnTerminal } from '../../hack/lab/kubectl.ts';
import { waitFor } from '../../hack/lab/wait.ts';
import { isRunning, onEveryControlPlane, shellPod } from './cluster.ts';

await onEveryControlPlane(async (t, cluster) => {
  const { namespace, plane, site } = cluster;
  const script =
    'i=0; while [ $i -lt 5 ]; do echo line $i; i=$((i+1)); done; echo oops; httpd -p 8080 -h /; while :; do sleep 0.2; [ -f /tmp/say ] && cat /tmp/say && rm /tmp/say; done';
  await cluster.apply(shellPod(cluster, 'web', script));
  await cluster.untilPod('web', 'Running', isRunning);

  const spawn = (...args: string[]): ReturnType<typeof spawnKubectl> =>
    spawnKubectl(plane.adminKubeconfig, ['-n', namespace, ...args]);

  await t.test('logs with their options', async (t) => {
    const all = await waitFor(
      async () => {
        const out = await cluster.kubectl('logs', 'web');
        return out.includes('oops') && out;
      },
      { what: 'the whole log', timeoutMs: 10_000 },
    );
    t.equal(all, 'line 0\nline 1\nline 2\nline 3\nline 4\noops\n');
    t.equal(await cluster.kubectl('logs', 'web', '--tail=2'), 'line 4\noops\n');
    t.equal(await cluster.kubectl('logs', 'web', '--since=1h'), all);
    t.equal(await cluster.kubectl('logs', 'web', '-c', 'main', '--limit-bytes=6'), 'line 0');
    t.match(await cluster.kubectl('logs', 'web', '--timestamps', '--tail=1'), /^\d{4}-.*Z oops\n$/);
    const missing = await cluster.tryKubectl(['logs', 'web', '-c', 'nope']);
    t.not(missing.code, 0);
    t.match(missing.stderr, /container nope is not valid for pod web/);
    const previous = await cluster.tryKubectl(['logs', 'web', '--previous']);
    t.match(previous.stderr, /previous terminated container "main" in pod "web" not found/);
  });

  await t.test('logs -f brings what is written later, and ends with the client', async (t) => {
    const child = spawn('logs', '-f', 'web', '--tail=1');
    let seen = '';
    child.stdout.on('data', (chunk: Buffer) => (seen += chunk.toString()));
    await waitFor(() => seen.includes('oops'), { what: 'the old line', timeoutMs: 10_000 });
    await cluster.kubectl('exec', 'web', '--', 'sh', '-c', 'echo later > /tmp/say');
    await waitFor(() => seen.includes('later'), { what: 'the new line', timeoutMs: 10_000 });
    t.pass('the new line came');
    child.kill();
  });

  await t.test('logs --previous shows the run before', async (t) => {
    await cluster.apply(
      shellPod(
        cluster,
        'twice',
        'if [ -f /d/x ]; then sleep 1000; fi; touch /d/x; echo first; exit 1',
        {
          volumes: [{ name: 'd', emptyDir: {} }],
        },
        { volumeMounts: [{ name: 'd', mountPath: '/d' }] },
      ),
    );
    await cluster.untilPod(
      'twice',
      'restarted',
      (pod) => isRunning(pod) && pod.status?.containerStatuses?.[0]?.restartCount === 1,
    );
    t.equal(await cluster.kubectl('logs', 'twice', '--previous'), 'first\n');
    t.equal(await cluster.kubectl('logs', 'twice'), '');
  });

  await t.test('exec: output, errors, exit codes and input', async (t) => {
    t.equal(await cluster.kubectl('exec', 'web', '--', 'echo', 'hello'), 'hello\n');
    const failed = await cluster.tryKubectl([
      'exec',
      'web',
      '--',
      'sh',
      '-c',
      'echo bad >&2; exit 7',
    ]);
    t.equal(failed.code, 7);
    t.match(failed.stderr, /^bad\n/);
    const missing = await cluster.tryKubectl(['exec', 'web', '--', 'no-such-program']);
    t.not(missing.code, 0);
    const data = randomBytes(3_000_000).toString('hex');
    const echoed = await cluster.tryKubectl(['exec', '-i', 'web', '--', 'sha256sum'], {
      input: data,
    });
    t.match(echoed.stdout, createHash('sha256').update(data).digest('hex'));
  });

  await t.test('exec -it has a terminal of the client’s size', async (t) => {
    const child = spawnKubectlOnTerminal(
      plane.adminKubeconfig,
      ['exec', '-it', '-n', namespace, 'web', '--', 'sh'],
      { rows: 33, columns: 99 },
    );
    let seen = '';
    child.stdout.on('data', (chunk: Buffer) => (seen += chunk.toString()));
    await waitFor(() => seen.includes('#'), { what: 'a prompt', timeoutMs: 10_000 });
    child.stdin.write('stty size; exit 5\n');
    const code = await new Promise((resolve) => child.once('exit', resolve));
    t.match(seen, /33 99/);
    t.equal(code, 5);
  });

  await t.test('exec of much output arrives whole', async (t) => {
    const child = spawn('exec', 'web', '--', 'dd', 'if=/dev/zero', 'bs=64k', 'count=1024');
    let bytes = 0;
    child.stdout.on('data', (chunk: Buffer) => (bytes += chunk.length));
    const code = await new Promise((resolve) => child.once('close', resolve));
    t.equal(code, 0);
    t.equal(bytes, 64 * 1024 * 1024);
  });

  await t.test('a client that goes away takes its process along', async (t) => {
    const child = spawn('exec', '-i', 'web', '--', 'sh', '-c', 'cat; exec sleep 7777');
    const processes = async (): Promise<string> => cluster.kubectl('exec', 'web', '--', 'ps');
    await waitFor(async () => (await processes()).includes('cat'), {
      what: 'the process to run',
      timeoutMs: 10_000,
    });
    child.kill('SIGKILL');
    await waitFor(async () => !/ cat$/m.test(await processes()), {
      what: 'its input to be closed',
      timeoutMs: 10_000,
    });
    t.pass('its input was closed');
  });

  await t.test('attach', async (t) => {
    await cluster.apply(
      shellPod(cluster, 'parrot', 'while read x; do echo "you said $x"; done', {}, { stdin: true }),
    );
    await cluster.untilPod('parrot', 'Running', isRunning);
    const child = spawn('attach', '-i', 'parrot');
    let seen = '';
    child.stdout.on('data', (chunk: Buffer) => (seen += chunk.toString()));
    child.stdin.write('polly\n');
    await waitFor(() => seen.includes('you said polly'), { what: 'an answer', timeoutMs: 10_000 });
    t.pass('it answered');
    child.kill();
  });

  await t.test('attach to a container whose input is for one alone', async (t) => {
    const once = { stdin: true, stdinOnce: true };
    await cluster.apply(shellPod(cluster, 'once', 'cat', { restartPolicy: 'Never' }, once));
    await cluster.untilPod('once', 'Running', isRunning);
    const child = spawn('attach', '-i', 'once');
    child.stdin.end('the only word\n');
    const over = await cluster.untilPod('once', 'over', ({ status }) => {
      return status?.phase === 'Succeeded';
    });
    t.match(over.status?.containerStatuses, [{ state: { terminated: { exitCode: 0 } } }]);
    t.equal(await cluster.kubectl('logs', 'once'), 'the only word\n');
  });

  await t.test('port-forward', async (t) => {
    const child = spawn('port-forward', 'pod/web', ':8080', '--address=127.0.0.1');
    let seen = '';
    child.stdout.on('data', (chunk: Buffer) => (seen += chunk.toString()));
    const port = await waitFor(() => /127\.0\.0\.1:(\d+) ->/.exec(seen)?.[1], {
      what: 'port-forward to listen',
      timeoutMs: 10_000,
    });
    for (const path of ['/etc/hostname', '/etc/hosts']) {
      const socket = connect(Number(port), '127.0.0.1');
      socket.write(`GET ${path} HTTP/1.0\r\n\r\n`);
      t.match(await text(socket), /^HTTP\/1\.[01] 200 OK[\s\S]*web/, path);
    }
    child.kill();
  });

  await t.test('cp both ways', async (t) => {
    const dir = await mkdtemp(join(tmpdir(), 'towline-cp-'));
    t.teardown(() => rm(dir, { recursive: true }));
    const content = randomBytes(5_000_000);
    await writeFile(join(dir, 'up'), content);
    await cluster.kubectl('cp', join(dir, 'up'), `${namespace}/web:/tmp/file`);
    await cluster.kubectl('cp', `${namespace}/web:/tmp/file`, join(dir, 'down'));
    t.ok(content.equals(await readFile(join(dir, 'down'))));
  });

  await t.test('a site that is away is named in the error', async (t) => {
    await site.stopRunner();
    const result = await waitFor(
      async () => {
        const tried = await cluster.tryKubectl(['logs', 'web', '--tail=1'], { timeoutMs: 20_000 });
        return tried.code !== 0 && tried;
      },
      { what: 'logs to fail', timeoutMs: 20_000 },
    );
    t.match(result.stderr, /not connected|disconnected/);
    await site.startRunner();
    await waitFor(async () => (await cluster.tryKubectl(['logs', 'web', '--tail=1'])).code === 0, {
      what: 'logs to work again',
      timeoutMs: 20_000,
    });
    t.pass('and logs work again once it is back');
  });
});
