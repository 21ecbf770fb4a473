import type { Test } from 'tap';
import { ensureNamespace } from '../../../hack/lab/towline.ts';
import { waitFor } from '../../../hack/lab/wait.ts';
import { shellPod, type Cluster } from '../cluster.ts';

const withinMs = 60_000;

/** A device joins the site of another tenant. Nothing of the first is left on it, nor in the cloud. */
export async function moved(t: Test, cluster: Cluster): Promise<void> {
  const { site, towline, plane, namespace } = cluster;
  const tenant = `${namespace}-b`;
  const nodeName = `${site.name}.${tenant}`;
  await ensureNamespace(plane.adminKubeconfig, tenant);
  const containers = async (): Promise<string[]> => {
    const ids = await site.device.ctr('containers', 'ls', '-q');
    return ids.split('\n').filter((id) => id !== '');
  };
  t.not((await containers()).length, 0, 'pods of the first tenant run');

  const joinLine = await towline.towlinectl('site', 'create', site.name, '-n', tenant);
  await site.stopRunner();
  await site.joinAgain(joinLine);
  // The store is the first site's: it is set aside.
  await site.startRunner();
  await untilOutput(cluster, 'True', [
    ...['get', 'node', nodeName],
    '-o=jsonpath={.status.conditions[?(@.type=="Ready")].status}',
  ]);
  await waitFor(async () => (await containers()).length === 0, {
    what: 'the pods of the first tenant to end',
    timeoutMs: withinMs,
  });
  await towline.towlinectl('site', 'delete', site.name, '-n', namespace, '--force');
  await untilOutput(cluster, '', [
    'get',
    'node',
    site.nodeName,
    '-o',
    'name',
    '--ignore-not-found',
  ]);

  const input = JSON.stringify(shellPod(cluster, 'own', 'sleep 100000'));
  const created = await cluster.tryKubectl(['create', '-n', tenant, '-f', '-'], { input });
  t.equal(created.code, 0, created.stderr);
  await untilOutput(cluster, 'Running', [
    ...['get', 'pod', 'own', '-n', tenant, '-o=jsonpath={.status.phase}'],
  ]);
  t.equal((await containers()).length, 2, 'it runs the pods of the second alone');
  await site.stopRunner();
}

async function untilOutput(
  cluster: Cluster,
  output: string,
  args: readonly string[],
): Promise<void> {
  await waitFor(
    async () => {
      const { stdout, code } = await cluster.tryKubectl(args);
      return code === 0 && stdout === output;
    },
    { what: `kubectl ${args.join(' ')} to say "${output}"`, timeoutMs: withinMs, intervalMs: 150 },
  );
}
