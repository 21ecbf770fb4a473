import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { waitFor } from '../../hack/lab/wait.ts';
import { isRunning, onEveryControlPlane, shellPod } from './cluster.ts';
import { metricsServer } from './metrics-server.ts';

/** As in `kubectl get --raw`, and what metrics-server asks a node for. */
await onEveryControlPlane(async (t, cluster) => {
  const { namespace, site } = cluster;
  const ask = (path: string): Promise<string> =>
    cluster.kubectl('get', '--raw', `/api/v1/nodes/${site.nodeName}/proxy${path}`);
  const sample = (text: string, name: string, container = 'main'): number =>
    Number(
      new RegExp(
        `^${name}\\{container="${container}",namespace="${namespace}",pod="busy"\\} (\\S+)`,
        'm',
      ).exec(text)?.[1],
    );

  await cluster.apply(
    shellPod(
      cluster,
      'busy',
      'dd if=/dev/zero of=/d/file bs=1M count=3; while :; do :; done',
      { volumes: [{ name: 'd', emptyDir: {} }] },
      {
        volumeMounts: [{ name: 'd', mountPath: '/d' }],
        livenessProbe: { exec: { command: ['true'] }, periodSeconds: 1 },
      },
    ),
  );
  await cluster.untilPod('busy', 'Running', isRunning);

  await t.test(
    '/metrics/resource: two answers give the use that `kubectl top` shows',
    async (t) => {
      const first = await ask('/metrics/resource');
      t.match(first, /^node_cpu_usage_seconds_total \d+(\.\d+)? \d{13}$/m);
      t.match(first, /^node_memory_working_set_bytes \d{7,} \d{13}$/m);
      t.match(first, /^resource_scrape_error 0$/m);
      t.ok(sample(first, 'container_memory_working_set_bytes') > 100_000);
      t.ok(Math.abs(sample(first, 'container_start_time_seconds') - Date.now() / 1000) < 120);
      const before = sample(first, 'container_cpu_usage_seconds_total');
      await waitFor(
        async () =>
          sample(await ask('/metrics/resource'), 'container_cpu_usage_seconds_total') >
          before + 0.2,
        { what: 'the busy loop to be seen', timeoutMs: 20_000 },
      );
      t.pass('the CPU of the busy loop is counted');
    },
  );

  await t.test('metrics-server’s own query gives what `kubectl top` shows', (t) =>
    metricsServer(t, cluster),
  );

  await t.test('/stats/summary names pod, container, volume and disk', async (t) => {
    const summary = JSON.parse(await ask('/stats/summary')) as {
      node: { nodeName: string; fs: { capacityBytes: number } };
      pods: {
        podRef: { name: string };
        containers: { name: string; memory: { workingSetBytes: number } }[];
        volume: { name: string; usedBytes: number }[];
        network: { rxBytes: number };
      }[];
    };
    t.equal(summary.node.nodeName, site.nodeName);
    t.ok(summary.node.fs.capacityBytes > 1e9);
    const pod = summary.pods.find(({ podRef }) => podRef.name === 'busy');
    t.match(pod, { containers: [{ name: 'main' }], network: { name: 'eth0' } });
    const used = pod?.volume.find(({ name }) => name === 'd')?.usedBytes ?? 0;
    t.ok(used >= 3 * 1024 * 1024 && used < 4 * 1024 * 1024, String(used));
  });

  await t.test(
    'the other metrics, the runtime’s pods, configuration, health and logs',
    async (t) => {
      t.match(
        await ask('/metrics/cadvisor'),
        /^container_network_receive_bytes_total\{.*pod="busy"\} \d+/m,
      );
      t.match(await ask('/metrics'), `kubelet_node_name{node="${site.nodeName}"} 1\n`);
      await waitFor(
        async () =>
          /prober_probe_total\{.*pod="busy".*successful"\} [1-9]/.test(
            await ask('/metrics/probes'),
          ),
        { what: 'a probe to be counted', timeoutMs: 20_000 },
      );
      t.match(JSON.parse(await ask('/runningpods')), {
        kind: 'PodList',
        items: [{ metadata: { name: 'busy', namespace } }],
      });
      t.match(JSON.parse(await ask('/configz')), {
        kubeletconfig: { kind: 'KubeletConfiguration' },
      });
      t.equal(await ask('/healthz'), 'ok');
      const file = `towline-test-${process.pid}.log`;
      await writeFile(join('/var/log', file), 'one line\n');
      t.teardown(() => rm(join('/var/log', file)));
      t.match(await ask('/logs/'), new RegExp(`^<pre>\n(.*\n)*<a href="${file}">${file}</a>\n`));
      t.equal(await ask(`/logs/${file}`), 'one line\n');
      const missing = await cluster.tryKubectl([
        ...['get', '--raw', `/api/v1/nodes/${site.nodeName}/proxy/logs/nope`],
      ]);
      t.match(missing.stderr, /could not find the requested resource|not found/i);
    },
  );

  await t.test(
    '/run gives what a command writes, and /checkpoint what the runtime says',
    async (t) => {
      const post = (path: string): ReturnType<typeof cluster.tryKubectl> =>
        cluster.tryKubectl(
          ['create', '--raw', `/api/v1/nodes/${site.nodeName}/proxy${path}`, '-f', '-'],
          { input: '' },
        );
      const run = `/run/${namespace}/busy/main?cmd=`;
      t.match(await post(`${run}echo%20hello`), { code: 0, stdout: 'hello\n' });
      const failed = await post(`${run}ls%20/nowhere`);
      t.match(failed.stderr, /command 'ls \/nowhere' exited with 1: ls: \/nowhere: No such file/);
      t.match(
        (await post(`/run/${namespace}/none/main?cmd=ls`)).stderr,
        /could not find|not exist/,
      );
      t.match(
        (await post(`/checkpoint/${namespace}/busy/main`)).stderr,
        new RegExp(
          `checkpointing of ${namespace}/busy/main failed \\(rpc error: code = Unimplemented`,
        ),
      );
    },
  );

  await t.test('/run of a command that never stops takes no memory, and ends it', async (t) => {
    const memoryMb = async (): Promise<number> => {
      const status = await readFile(`/proc/${site.runner.pid}/status`, 'utf8');
      return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
    };
    const run = (cmd: string, ...args: string[]): ReturnType<typeof cluster.tryKubectl> => {
      const path = `/api/v1/nodes/${site.nodeName}/proxy/run/${namespace}/busy/main?cmd=${cmd}`;
      return cluster.tryKubectl(['create', '--raw', path, '-f', '-', ...args], { input: '' });
    };
    const before = await memoryMb();
    const endless = await Promise.all([
      run('yes', '--request-timeout=4s'),
      run('yes', '--request-timeout=4s'),
    ]);
    t.match(endless, [{ stderr: /timeout|deadline/i }, { stderr: /timeout|deadline/i }]);
    t.match(await run('dd%20if=/dev/zero%20bs=1M%20count=64'), {
      stderr: /larger than max|limit is/,
    });
    t.match(await run('echo%20hello'), { code: 0, stdout: 'hello\n' });
    const grown = (await memoryMb()) - before;
    t.ok(grown < 64, `${Math.round(grown)} MB more`);
    await waitFor(
      async () => (await cluster.tryKubectl(['exec', 'busy', '--', 'pidof', 'yes'])).code === 1,
      { what: 'the commands to end whose clients have gone', timeoutMs: 20_000 },
    );
  });

  await t.test('a site that is away is a clear error, and its pods are still listed', async (t) => {
    await site.stopRunner();
    const result = await waitFor(
      async () => {
        const path = `/api/v1/nodes/${site.nodeName}/proxy/metrics/resource`;
        const tried = await cluster.tryKubectl(['get', '--raw', path], { timeoutMs: 20_000 });
        return tried.code !== 0 && tried;
      },
      { what: 'the endpoint to fail', timeoutMs: 20_000 },
    );
    t.match(result.stderr, /disconnected/);
    t.match(JSON.parse(await ask('/pods')), { items: [{ metadata: { name: 'busy' } }] });
    await site.startRunner();
  });
});
