import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Test } from 'tap';
import { runProgram } from '../../../src/cli/program.ts';
import type { KubernetesObject } from '../../../src/kube/api.ts';

export interface ApiFake {
  /** Bodies of the requests that change something, by `METHOD path`. */
  changes: { request: string; body: unknown }[];
  cli(...argv: string[]): Promise<{ code: number; stdout: string; stderr: string }>;
}

/** An API server that has these objects by their paths, and accepts every change. */
export async function apiFake(
  t: Test,
  objects: Record<string, KubernetesObject | { items: KubernetesObject[] }>,
): Promise<ApiFake> {
  const changes: ApiFake['changes'] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => {
      const [path = ''] = (request.url ?? '').split('?');
      if (request.method !== 'GET') {
        const body: unknown = text === '' ? undefined : JSON.parse(text);
        changes.push({ request: `${request.method ?? ''} ${path}`, body });
      }
      const found = objects[path];
      response.writeHead(found === undefined ? 404 : 200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(found ?? { kind: 'Status', code: 404, reason: 'NotFound' }));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const config = {
    clusters: [
      {
        name: 'c',
        cluster: { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true },
      },
    ],
    users: [{ name: 'u', user: {} }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
  const kubeconfig = join(t.testdir({ kubeconfig: JSON.stringify(config) }), 'kubeconfig');
  return {
    changes,
    cli: async (...argv) => {
      let stdout = '';
      let stderr = '';
      const code = await runProgram([...argv, '--kubeconfig', kubeconfig], 'towlinectl', {
        stdout: { write: (written: string) => (stdout += written) },
        stderr: { write: (written: string) => (stderr += written) },
        nowMs: () => 0,
      });
      return { code, stdout, stderr };
    },
  };
}
