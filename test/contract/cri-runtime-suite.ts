import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import type { CriClient } from '../../src/edge-runner/cri/cri-client.ts';
import { hasCriCode } from '../../src/edge-runner/cri/cri-error.ts';
import type { ContainerConfig } from '../../src/edge-runner/cri/container-messages.ts';
import type { InputOf } from '../../src/edge-runner/cri/proto-message.ts';
import type { PodSandboxConfig } from '../../src/edge-runner/cri/sandbox-messages.ts';

/** A container runtime to try, and what a test needs to know of its machine. */
export interface RuntimeUnderTest {
  readonly cri: CriClient;
  /** A folder for logs and volumes. */
  readonly dir: string;
  readonly cgroupParent: string;
  /** An image that is there and has a shell. */
  readonly image: string;
}

/** One running container in a sandbox of its own. */
export interface RunningContainer {
  readonly sandboxId: string;
  readonly containerId: string;
  readonly logFile: string;
}

/** A sandbox's config with every field that the kubelet sets on a plain pod. */
export function sandboxConfig(
  runtime: RuntimeUnderTest,
  name: string,
): InputOf<typeof PodSandboxConfig> {
  return {
    metadata: { name, uid: `uid-${name}`, namespace: 'contract', attempt: 0 },
    hostname: name,
    logDirectory: join(runtime.dir, 'logs', name),
    dnsConfig: { servers: ['10.0.0.10'], searches: ['contract.svc'], options: ['ndots:5'] },
    labels: { 'io.kubernetes.pod.name': name },
    annotations: { note: 'grüße' },
    linux: {
      cgroupParent: `${runtime.cgroupParent}/${name}`,
      securityContext: {
        namespaceOptions: { network: 'POD', pid: 'CONTAINER', ipc: 'POD' },
        seccomp: { profileType: 'RuntimeDefault' },
      },
    },
  };
}

/** Makes a sandbox and one container of the image in it, and removes both after the test. */
export async function runContainer(
  t: Test,
  runtime: RuntimeUnderTest,
  name: string,
  config: InputOf<typeof ContainerConfig>,
): Promise<RunningContainer> {
  const { cri } = runtime;
  const sandbox = sandboxConfig(runtime, name);
  const { podSandboxId } = await cri.runPodSandbox({ config: sandbox });
  t.teardown(() => removeSandbox(cri, podSandboxId));
  const { containerId } = await cri.createContainer({
    podSandboxId,
    sandboxConfig: sandbox,
    config: {
      metadata: { name: 'main', attempt: 0 },
      image: { image: runtime.image },
      logPath: 'main/0.log',
      ...config,
    },
  });
  await cri.startContainer({ containerId });
  return {
    sandboxId: podSandboxId,
    containerId,
    logFile: join(runtime.dir, 'logs', name, 'main', '0.log'),
  };
}

/** Containerd before 2.0 does not know a removed sandbox when it is to stop it, though CRI says it must. */
async function removeSandbox(cri: CriClient, podSandboxId: string): Promise<void> {
  try {
    await cri.stopPodSandbox({ podSandboxId });
  } catch (error) {
    if (!hasCriCode(error, 'NOT_FOUND')) throw error;
  }
  await cri.removePodSandbox({ podSandboxId });
}

/** What every CRI v1 runtime must do with this client. */
export function criContract(t: Test, connect: () => RuntimeUnderTest): void {
  void t.test('tells who it is and how it is', async (t) => {
    const { cri } = connect();
    const version = await cri.version();
    t.match(version, { runtimeName: /./, runtimeVersion: /^v?\d/, runtimeApiVersion: 'v1' });
    const { status, info } = await cri.status({ verbose: true });
    t.same(status?.conditions.find(({ type }) => type === 'RuntimeReady')?.status, true);
    t.ok(Object.keys(info).length > 0, 'a verbose status has information');
  });

  void t.test('keeps a sandbox as it was asked for', async (t) => {
    const runtime = connect();
    const before = BigInt(Date.now()) * 1_000_000n;
    const { sandboxId } = await runContainer(t, runtime, 'kept', { command: ['sleep', '1000'] });
    const { status } = await runtime.cri.podSandboxStatus({ podSandboxId: sandboxId });
    const config = sandboxConfig(runtime, 'kept');
    t.match(status, {
      id: sandboxId,
      metadata: config.metadata,
      state: 'SANDBOX_READY',
      labels: config.labels,
      annotations: config.annotations,
      network: { ip: /^\d+\.\d+\.\d+\.\d+$/ },
      linux: { namespaces: { options: { network: 'POD', pid: 'CONTAINER', ipc: 'POD' } } },
    });
    t.ok(status !== undefined && status.createdAt > before, 'its time is in nanoseconds');
    const found = await runtime.cri.listPodSandbox({
      filter: { labelSelector: { 'io.kubernetes.pod.name': 'kept' } },
    });
    t.same(
      found.items.map(({ id }) => id),
      [sandboxId],
    );
  });

  void t.test('gives a container what it was asked to have', async (t) => {
    const runtime = connect();
    const { containerId } = await runContainer(t, runtime, 'configured', {
      command: ['sh', '-c'],
      args: ['sleep 1000'],
      workingDir: '/tmp',
      envs: [{ key: 'GREETING', value: 'grüße' }],
      mounts: [{ containerPath: '/host', hostPath: runtime.dir, readonly: true }],
      linux: {
        resources: {
          cpuShares: 512,
          cpuPeriod: 100_000,
          cpuQuota: 50_000,
          memoryLimitInBytes: 64 * 2 ** 20,
        },
        securityContext: {
          runAsUser: { value: 1234 },
          runAsGroup: { value: 2345 },
          supplementalGroups: [3456, 70_000],
          readonlyRootfs: true,
          noNewPrivs: true,
          capabilities: { dropCapabilities: ['ALL'] },
          maskedPaths: ['/proc/kcore'],
          namespaceOptions: { pid: 'CONTAINER' },
        },
      },
    });
    const script =
      'echo $GREETING $(pwd) $(id -u) $(id -g) $(id -G); touch /x 2>&1; touch /host/x 2>&1; grep -E "NoNewPrivs|CapBnd" /proc/self/status';
    const { stdout, stderr, exitCode } = await runtime.cri.execSync({
      containerId,
      cmd: ['sh', '-c', script],
      timeout: 10,
    });
    const lines = Buffer.from(stdout).toString().split('\n');
    t.equal(Buffer.from(stderr).toString(), '');
    t.equal(exitCode, 0);
    t.equal(lines[0], 'grüße /tmp 1234 2345 2345 3456 70000');
    t.match(lines[1], /Read-only file system/);
    t.match(lines[2], /Read-only file system/);
    t.match(lines.slice(3).join('\n'), /CapBnd:\s+0{16}\nNoNewPrivs:\s+1/);

    const { status } = await runtime.cri.containerStatus({ containerId });
    t.match(status, {
      state: 'CONTAINER_RUNNING',
      finishedAt: 0n,
      image: { image: runtime.image },
      mounts: [{ containerPath: '/host', hostPath: runtime.dir, readonly: true }],
      resources: { linux: { cpuShares: 512, memoryLimitInBytes: 64 * 2 ** 20 } },
    });
    await runtime.cri.updateContainerResources({
      containerId,
      linux: { cpuShares: 256, memoryLimitInBytes: 128 * 2 ** 20 },
    });
    const { stats } = await runtime.cri.containerStats({ containerId });
    t.ok((stats?.memory?.workingSetBytes?.value ?? 0) > 0);
    t.ok((stats?.cpu?.usageCoreNanoSeconds?.value ?? 0) > 0);
  });

  void t.test('runs commands, with their output, exit code and time limit', async (t) => {
    const { cri, ...runtime } = connect();
    const { containerId } = await runContainer(t, { cri, ...runtime }, 'commands', {
      command: ['sleep', '1000'],
    });
    const run = (script: string, timeout = 10): ReturnType<typeof cri.execSync> =>
      cri.execSync({ containerId, cmd: ['sh', '-c', script], timeout });
    const mixed = await run('echo out; echo err >&2; exit 3');
    t.equal(Buffer.from(mixed.stdout).toString(), 'out\n');
    t.equal(Buffer.from(mixed.stderr).toString(), 'err\n');
    t.equal(mixed.exitCode, 3);
    const large = await run('head -c 3000000 /dev/zero');
    t.equal(large.stdout.length, 3_000_000);
    await t.rejects(run('sleep 1000', 1), { code: 'DEADLINE_EXCEEDED' });
    const url = /^http:\/\/127\.0\.0\.1:\d+\//;
    t.match(
      (await cri.exec({ containerId, cmd: ['sh'], stdout: true, stdin: true, tty: true })).url,
      url,
    );
    t.match((await cri.attach({ containerId, stdout: true })).url, url);
  });

  void t.test('stops a container in its grace period, or kills it after', async (t) => {
    const { cri, ...runtime } = connect();
    const { containerId, sandboxId } = await runContainer(t, { cri, ...runtime }, 'stopped', {
      command: ['sh', '-c', 'trap "exit 7" TERM; while true; do sleep 0.1; done'],
    });
    t.match((await cri.portForward({ podSandboxId: sandboxId, port: [80, 8080] })).url, /^http/);
    await cri.execSync({ containerId, cmd: ['true'], timeout: 10 });
    await cri.stopContainer({ containerId, timeout: 20 });
    const { status } = await cri.containerStatus({ containerId });
    t.match(status, { state: 'CONTAINER_EXITED', exitCode: 7 });
    t.ok(status !== undefined && status.finishedAt >= status.startedAt);
    await cri.removeContainer({ containerId });
    t.same((await cri.listContainers({ filter: { podSandboxId: sandboxId } })).containers, []);
  });

  void t.test('starts a new log file when asked to', async (t) => {
    const { cri, ...runtime } = connect();
    const { containerId, logFile } = await runContainer(t, { cri, ...runtime }, 'reopened', {
      command: ['sleep', '1000'],
    });
    await rename(logFile, `${logFile}.20260101-000000`);
    await cri.reopenContainerLog({ containerId });
    t.equal(await readFile(logFile, 'utf8'), '');
  });

  void t.test('knows its images', async (t) => {
    const { cri, image } = connect();
    const { images } = await cri.listImages();
    const listed = images.find(({ repoTags }) => repoTags.includes(image));
    t.ok(listed !== undefined && listed.size > 0);
    t.same((await cri.imageStatus({ image: { image } })).image, listed);
    t.equal(
      (await cri.imageStatus({ image: { image: 'docker.io/library/none:1' } })).image,
      undefined,
    );
    const { imageFilesystems } = await cri.imageFsInfo();
    t.match(imageFilesystems[0]?.fsId?.mountpoint, /^\//);
    await cri.removeImage({ image: { image: 'docker.io/library/none:1' } });
  });

  void t.test('says with a code what is wrong', async (t) => {
    const { cri, ...runtime } = connect();
    const missing = 'f'.repeat(64);
    await t.rejects(cri.containerStatus({ containerId: missing }), {
      name: 'CriError',
      code: 'NOT_FOUND',
      method: 'ContainerStatus',
      detail: missing,
    });
    await t.rejects(cri.podSandboxStatus({ podSandboxId: missing }), { code: 'NOT_FOUND' });
    await t.rejects(cri.execSync({ containerId: missing, cmd: ['true'] }), { code: 'NOT_FOUND' });
    await cri.removeContainer({ containerId: missing });
    await cri.removePodSandbox({ podSandboxId: missing });

    const { sandboxId } = await runContainer(t, { cri, ...runtime }, 'wrong', {
      command: ['sleep', '1000'],
    });
    const create = cri.createContainer({
      podSandboxId: sandboxId,
      sandboxConfig: sandboxConfig({ cri, ...runtime }, 'wrong'),
      config: { metadata: { name: 'other' }, image: { image: 'docker.io/library/none:1' } },
    });
    await t.rejects(create, { code: 'NOT_FOUND', method: 'CreateContainer' });
    const refusedAtOnce = 'localhost:1/none:1';
    await t.rejects(cri.pullImage({ image: { image: refusedAtOnce } }), {
      name: 'CriError',
      method: 'PullImage',
      detail: /refused/,
    });
  });
}
