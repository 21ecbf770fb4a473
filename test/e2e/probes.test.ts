import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { waitFor } from '../../hack/lab/wait.ts';
import type { Condition, ContainerStatus, Pod } from '../../src/kube/api.ts';
import type { Lifecycle, LifecycleHandler, Probe } from '../../src/kube/probe.ts';
import { isRunning, onEveryControlPlane, shellPod, type Cluster } from './cluster.ts';
import { grpcServer, httpServer } from './probed-servers.ts';

interface Endpoints {
  subsets?: { addresses?: { ip: string }[]; notReadyAddresses?: { ip: string }[] }[];
}

interface Events {
  items: { reason: string; message: string }[];
}

/** Serves `/www` on port 8080, from the beginning or after some seconds. */
const serve = (afterSeconds = 0): string =>
  `mkdir -p /www; echo open > /www/index.html; sleep ${afterSeconds}; exec busybox httpd -f -p 8080 -h /www`;

const httpPort = { ports: [{ name: 'http', containerPort: 8080 }] };
const soon: Probe = { periodSeconds: 1, failureThreshold: 1 };

function mainOf(pod: Pod | undefined): ContainerStatus | undefined {
  return pod?.status?.containerStatuses?.[0];
}

function readyOf(pod: Pod | undefined): Condition | undefined {
  return pod?.status?.conditions?.find(({ type }) => type === 'Ready');
}

async function untilEvent(cluster: Cluster, pod: string, words: string): Promise<void> {
  const seen: string[] = [];
  await waitFor(
    async () => {
      const selector = `--field-selector=involvedObject.name=${pod}`;
      const text = await cluster.kubectl('get', 'events', selector, '-o', 'json');
      const { items } = JSON.parse(text) as Events;
      seen.splice(0, seen.length, ...items.map(({ reason, message }) => `${reason}: ${message}`));
      return seen.some((event) => event.includes(words));
    },
    {
      ...{ what: `an event of ${pod} with "${words}"`, timeoutMs: 20_000 },
      explain: () => seen.join('\n'),
    },
  );
}

/** Waits until as many addresses of a Service are ready, and not ready. */
async function untilEndpoints(
  cluster: Cluster,
  service: string,
  counts: { ready: number; notReady: number },
): Promise<void> {
  let last = '';
  await waitFor(
    async () => {
      last = await cluster.kubectl('get', 'endpoints', service, '-o', 'json');
      const { subsets = [] } = JSON.parse(last) as Endpoints;
      const ready = subsets.flatMap(({ addresses = [] }) => addresses).length;
      const notReady = subsets.flatMap(({ notReadyAddresses = [] }) => notReadyAddresses).length;
      return ready === counts.ready && notReady === counts.notReady;
    },
    {
      ...{ what: `endpoints of ${service}: ${JSON.stringify(counts)}`, timeoutMs: 15_000 },
      explain: () => last,
    },
  );
}

await onEveryControlPlane(async (t, cluster) => {
  const { site } = cluster;
  /** An older API server drops probes by gRPC. */
  const isOld = Number(cluster.plane.version.split('.')[1]) < 24;
  const eventOf = (pod: string, words: string): Promise<void> => untilEvent(cluster, pod, words);

  await t.test('readiness decides whether a Service leads to a pod', async (t) => {
    const httpGet = { path: '/ready', port: 'http' };
    await cluster.apply(
      shellPod(cluster, 'shop', serve(), {}, { ...httpPort, readinessProbe: { ...soon, httpGet } }),
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'shop' },
        spec: { selector: { app: 'shop' }, ports: [{ port: 80, targetPort: 8080 }] },
      },
    );
    const pod = await cluster.untilPod('shop', 'running', (each) => !!mainOf(each)?.state.running);
    t.match(mainOf(pod), { started: true, ready: false });
    t.match(readyOf(pod), { status: 'False', reason: 'ContainersNotReady' });
    await untilEndpoints(cluster, 'shop', { ready: 0, notReady: 1 });
    const notFound = 'Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 404';
    await untilEvent(cluster, 'shop', notFound);
    await cluster.kubectl('exec', 'shop', '--', 'touch', '/www/ready');
    await cluster.untilPod('shop', 'Ready', isRunning);
    await untilEndpoints(cluster, 'shop', { ready: 1, notReady: 0 });
    await cluster.kubectl('exec', 'shop', '--', 'rm', '/www/ready');
    await untilEndpoints(cluster, 'shop', { ready: 0, notReady: 1 });
    t.equal(mainOf(await cluster.pod('shop'))?.restartCount, 0, 'readiness restarts nothing');
    await cluster.kubectl('delete', 'service,pod', 'shop', '--timeout=30s');
  });

  await t.test('what a web server sees of a probe, and a redirect elsewhere', (t) =>
    httpServer(t, cluster, eventOf),
  );

  await t.test('a health service of gRPC', { skip: isOld && 'not served' }, (t) =>
    grpcServer(t, cluster, eventOf),
  );

  await t.test('liveness restarts a container, also when the site is cut off', async (t) => {
    const folder = join(site.device.dir, 'liveness');
    await mkdir(folder, { recursive: true });
    const script = 'touch /d/alive; echo start >> /d/starts; exec sleep 1000';
    const exec = { command: ['test', '-f', '/d/alive'] };
    const spec = { volumes: [{ name: 'd', hostPath: { path: folder } }] };
    await cluster.apply(
      shellPod(cluster, 'ill', script, spec, {
        livenessProbe: { ...soon, exec, failureThreshold: 2 },
        volumeMounts: [{ name: 'd', mountPath: '/d' }],
      }),
    );
    const before = await cluster.untilPod('ill', 'Running', isRunning);
    await rm(join(folder, 'alive'));
    const restarted = await cluster.untilPod('ill', 'restarted', (pod) => {
      return mainOf(pod)?.restartCount === 1 && isRunning(pod);
    });
    t.not(mainOf(restarted)?.containerID, mainOf(before)?.containerID);
    t.match(mainOf(restarted)?.lastState.terminated, { exitCode: 137 });
    await untilEvent(cluster, 'ill', 'Unhealthy: Liveness probe failed:');
    const killed = 'Killing: Container main failed liveness probe, will be restarted';
    await untilEvent(cluster, 'ill', killed);
    await site.device.uplinkDown();
    await rm(join(folder, 'alive'));
    const starts = (): Promise<string> => readFile(join(folder, 'starts'), 'utf8');
    await waitFor(async () => (await starts()) === 'start\n'.repeat(3), {
      ...{ what: 'another start on the device', timeoutMs: 40_000 },
    });
    await site.device.uplinkUp();
    await cluster.untilPod('ill', 'restarted twice', (pod) => mainOf(pod)?.restartCount === 2);
    t.pass('what happened meanwhile was told');
    await cluster.kubectl('delete', 'pod', 'ill', '--timeout=30s');
  });

  await t.test('startup protects a container that takes its time', async (t) => {
    const tcpSocket = { port: 8080 };
    const startupProbe: Probe = { httpGet: { port: 8080, path: '/' }, ...soon };
    await cluster.apply(
      shellPod(
        cluster,
        'slow',
        serve(4),
        {},
        {
          startupProbe: { ...startupProbe, failureThreshold: 30 },
          livenessProbe: { ...soon, tcpSocket },
          readinessProbe: { ...soon, tcpSocket },
        },
      ),
      shellPod(
        cluster,
        'never',
        'exec sleep 1000',
        {},
        {
          startupProbe: { ...startupProbe, failureThreshold: 2 },
        },
      ),
    );
    await cluster.untilPod('slow', 'running, not started', (pod) => {
      const status = mainOf(pod);
      return !!status?.state.running && status.started === false && !status.ready;
    });
    const pod = await cluster.untilPod('slow', 'Ready', isRunning);
    t.match(mainOf(pod), { started: true, ready: true, restartCount: 0 });
    await cluster.untilPod('never', 'restarted', (each) => (mainOf(each)?.restartCount ?? 0) > 0);
    await untilEvent(cluster, 'never', 'Unhealthy: Startup probe failed: Get "http://');
    const killed = 'Killing: Container main failed startup probe, will be restarted';
    await untilEvent(cluster, 'never', killed);
    await cluster.kubectl('delete', 'pods', '--all', '--timeout=30s');
  });

  await t.test('a restart of the runner makes nothing unready', async (t) => {
    const exec = { command: ['true'] };
    const probes = { startupProbe: { exec }, readinessProbe: { exec }, livenessProbe: { exec } };
    await cluster.apply(shellPod(cluster, 'calm', 'exec sleep 1000', {}, probes));
    const before = await cluster.untilPod('calm', 'Ready', isRunning);
    await site.killRunner();
    await site.startRunner();
    const answer = await waitFor(
      async () => {
        const { stdout, code } = await cluster.tryKubectl(['exec', 'calm', '--', 'echo', 'back']);
        return code === 0 && stdout;
      },
      { what: 'the runner to be back', timeoutMs: 20_000 },
    );
    t.equal(answer, 'back\n');
    const after = await cluster.pod('calm');
    const { lastTransitionTime } = readyOf(before) ?? {};
    t.match(readyOf(after), { status: 'True', lastTransitionTime });
    t.same(mainOf(after), mainOf(before));
    await cluster.kubectl('delete', 'pod', 'calm', '--timeout=30s');
  });

  await t.test('hooks after the start and before the stop', async (t) => {
    const folder = join(site.device.dir, 'hooks');
    await mkdir(folder, { recursive: true });
    const write = (line: string): object => ({
      exec: { command: ['sh', '-c', `sleep 1; echo ${line} >> /hooks/log`] },
    });
    const lifecycle: Lifecycle = { postStart: write('post-start'), preStop: write('pre-stop') };
    const hooks = {
      lifecycle,
      volumeMounts: [{ name: 'hooks', mountPath: '/hooks' }],
    };
    const spec = {
      terminationGracePeriodSeconds: 20,
      volumes: [{ name: 'hooks', hostPath: { path: folder } }],
    };
    const script = 'trap "echo stop >> /hooks/log; exit 0" TERM; while :; do sleep 0.1; done';
    await cluster.apply(shellPod(cluster, 'hooked', script, spec, hooks));
    await cluster.untilPod('hooked', 'Running', isRunning);
    t.equal(await readFile(join(folder, 'log'), 'utf8'), 'post-start\n', 'before it is Running');
    await cluster.kubectl('delete', 'pod', 'hooked', '--timeout=30s');
    t.equal(await readFile(join(folder, 'log'), 'utf8'), 'post-start\npre-stop\nstop\n');
  });

  await t.test('hooks that ask', async (t) => {
    const folder = join(site.device.dir, 'asking');
    await mkdir(folder, { recursive: true });
    const answer = 'read line; echo "$line" >>/hooks/log; printf "HTTP/1.0 404 None\\r\\n\\r\\n"';
    // The hook is over as soon as there is a connection, and the container's end comes at once.
    const untilAsked = 'while ! [ -e /tmp/asked ]; do sleep 0.1; done';
    const serve = `trap "${untilAsked}; exit 0" TERM; while :; do nc -l -p 8080 -e sh -c '${answer}'; echo asked >>/hooks/log; touch /tmp/asked; done & wait`;
    const isServing = { exec: { command: ['sh', '-c', 'netstat -lnt | grep -q 8080'] } };
    const spec = {
      terminationGracePeriodSeconds: 20,
      volumes: [{ name: 'hooks', hostPath: { path: folder } }],
    };
    const asking = (preStop: LifecycleHandler): Record<string, unknown> => ({
      ...{ lifecycle: { preStop }, readinessProbe: { ...isServing, periodSeconds: 1 } },
      ports: [{ name: 'web', containerPort: 8080 }],
      volumeMounts: [{ name: 'hooks', mountPath: '/hooks' }],
    });
    const by = {
      http: { httpGet: { path: '/bye?now', port: 'web' } },
      tcp: { tcpSocket: { port: 8080 } },
    };
    for (const [name, handler] of Object.entries(by)) {
      await cluster.apply(shellPod(cluster, `asks-${name}`, serve, spec, asking(handler)));
      await cluster.untilPod(`asks-${name}`, 'ready', (pod) => mainOf(pod)?.ready === true);
      await cluster.kubectl('delete', 'pod', `asks-${name}`, '--timeout=30s');
    }
    const story = (await readFile(join(folder, 'log'), 'utf8')).trim().split(/\r?\n/);
    t.equal(story[0], 'GET /bye?now HTTP/1.1', 'by HTTP, whatever the answer');
    t.equal(story.filter((line) => line === 'asked').length, 2, 'and by a connection alone');
  });

  await t.test('hooks that fail', async (t) => {
    const fail = { exec: { command: ['sh', '-c', 'exit 7'] } };
    await cluster.apply(
      shellPod(cluster, 'stillborn', 'exec sleep 1000', {}, { lifecycle: { postStart: fail } }),
      shellPod(cluster, 'rude', 'exec sleep 1000', {}, { lifecycle: { preStop: fail } }),
    );
    await untilEvent(cluster, 'stillborn', 'FailedPostStartHook: PostStartHook failed');
    await cluster.untilPod('stillborn', 'restarted', (pod) => {
      return (mainOf(pod)?.restartCount ?? 0) > 0 && !!mainOf(pod)?.lastState.terminated;
    });
    await cluster.untilPod('rude', 'Running', isRunning);
    await cluster.kubectl('delete', 'pods', '--all', '--timeout=30s');
    await untilEvent(cluster, 'rude', 'FailedPreStopHook: PreStopHook failed');
    t.pass('they are told, and the pods are gone');
  });
});
