import { createServer } from 'node:http';
import { once } from 'node:events';
import t, { type Test } from 'tap';
import { CriClient } from '../../../../src/edge-runner/cri/cri-client.ts';
import { GrpcChannel } from '../../../../src/edge-runner/cri/grpc-channel.ts';
import { VersionResponse } from '../../../../src/edge-runner/cri/runtime-messages.ts';
import { answer, refuse, ScriptedServer, socketPathFor, type Script } from './scripted-server.ts';

async function clientOf(t: Test, script: Script): Promise<CriClient> {
  const socketPath = await socketPathFor(t);
  const server = await ScriptedServer.listen(socketPath, script);
  const channel = new GrpcChannel({ socketPath });
  t.teardown(async () => {
    await channel.close();
    await server.kill();
  });
  return new CriClient(channel, { timeoutMs: 10_000 });
}

void t.test('tells a socket without CRI from a CRI without the call', async (t) => {
  const without = await clientOf(t, (stream) => {
    refuse(stream, 12, 'unknown service');
  });
  await t.rejects(without.version(), { code: 'NO_CRI', message: 'disabled_plugins' });
  await t.rejects(without.podSandboxStats({ podSandboxId: 'x' }), {
    code: 'NO_CRI',
    method: 'PodSandboxStats',
  });

  const old = await clientOf(t, (stream, headers) => {
    if (headers[':path'] === '/runtime.v1.RuntimeService/Version') {
      answer(stream, [VersionResponse.encode({ runtimeName: 'containerd' })]);
    } else refuse(stream, 12, 'unknown method');
  });
  await t.rejects(old.podSandboxStats({ podSandboxId: 'x' }), { code: 'UNIMPLEMENTED' });
});

void t.test('calls a socket that speaks something else no CRI', async (t) => {
  const socketPath = await socketPathFor(t);
  const server = createServer((_, response) => response.end('not gRPC'));
  server.listen(socketPath);
  await once(server, 'listening');
  const channel = new GrpcChannel({ socketPath });
  t.teardown(async () => {
    await channel.close();
    server.closeAllConnections();
    server.close();
  });
  await t.rejects(new CriClient(channel).version(), { code: 'NO_CRI' });
});

void t.test('gives the deadlines of a kubelet', async (t) => {
  const deadlines: Record<string, string | undefined> = {};
  const cri = await clientOf(t, (stream, headers) => {
    deadlines[headers[':path']?.split('/').at(-1) ?? ''] = headers['grpc-timeout']?.toString();
    answer(stream, [Buffer.alloc(0)]);
  });
  await cri.listContainers();
  await cri.runPodSandbox({});
  await cri.stopContainer({ containerId: 'c', timeout: 30 });
  await cri.execSync({ containerId: 'c', cmd: ['true'] });
  await cri.pullImage({ image: { image: 'i' } });
  await cri.removeContainer({ containerId: 'c' }, { timeoutMs: 7 * 24 * 3600 * 1000 });
  t.same(deadlines, {
    ListContainers: '10000m',
    RunPodSandbox: '20000m',
    StopContainer: '40000m',
    ExecSync: undefined,
    PullImage: undefined,
    RemoveContainer: '604800S',
  });
});
