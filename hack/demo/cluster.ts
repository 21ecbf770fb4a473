import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { run, runChecked } from '../lab/command.ts';
import { findControlPlanes } from '../lab/control-planes.ts';
import { kubectl } from '../lab/kubectl.ts';
import type { Lab } from '../lab/lab.ts';
import { findProgram } from '../lab/packages.ts';
import { withProgress, type Progress } from '../lab/progress.ts';
import type { TowlineOptions } from '../lab/towline.ts';
import { DemoError } from './demo-error.ts';

/** The cluster that the demo puts Towline on. */
export interface DemoCluster {
  readonly adminKubeconfig: string;
  kubeconfigForToken(name: string, token: string): Promise<string>;
  /** Where the cluster's API server reaches this machine, when that isn't the lab's own network. */
  readonly addresses: Pick<TowlineOptions, 'nodeAddress'>;
  /** Takes out of the cluster what the demo put in, or ends the cluster that the demo started. */
  end(): Promise<void>;
}

interface ClusterOptions {
  readonly lab: Lab;
  readonly kind: boolean;
  readonly kubeconfig: string | undefined;
  readonly nodeAddress: string | undefined;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

const kindName = 'towline-demo';
/** Written into the lab's folder when the cluster outlives the lab, for who removes it later. */
const clusterFile = 'cluster.json';

/** Starts a control plane, or a kind cluster, or takes the one that is given. */
export async function startCluster(options: ClusterOptions): Promise<DemoCluster> {
  if (options.kubeconfig !== undefined) return existingCluster(options, options.kubeconfig);
  if (options.kind) return kindCluster(options);
  const { found } = await findControlPlanes(options.progress, options);
  const [binaries] = found;
  if (binaries === undefined) throw new DemoError('no control plane could be built or found');
  const what = `starting etcd and the control plane of ${binaries.name}`;
  const plane = await withProgress(options.progress, what, () =>
    options.lab.startControlPlane({ binaries }),
  );
  return {
    adminKubeconfig: plane.adminKubeconfig,
    kubeconfigForToken: (name, token) => plane.kubeconfigForToken(name, token),
    addresses: {},
    end: () => Promise.resolve(),
  };
}

/** Takes the demo's things out of a cluster that an earlier run was given, or ends its kind cluster. */
export async function removeFromCluster(labDir: string): Promise<void> {
  const text = await readFile(join(labDir, clusterFile), 'utf8').catch(() => undefined);
  if (text === undefined) return;
  const { kubeconfig, kind } = JSON.parse(text) as { kubeconfig: string; kind: boolean };
  if (kind) await deleteKind(kubeconfig);
  else await cleanCluster(kubeconfig);
}

async function existingCluster(options: ClusterOptions, kubeconfig: string): Promise<DemoCluster> {
  const { code, stderr } = await kubectl(kubeconfig, ['version', '--request-timeout=10s']);
  if (code !== 0)
    throw new DemoError(`the cluster of ${kubeconfig} can't be used: ${stderr.trim()}`);
  await writeFile(join(options.lab.dir, clusterFile), JSON.stringify({ kubeconfig, kind: false }));
  return {
    adminKubeconfig: kubeconfig,
    kubeconfigForToken: (name, token) => tokenKubeconfig(options.lab, kubeconfig, name, token),
    addresses: options.nodeAddress === undefined ? {} : { nodeAddress: options.nodeAddress },
    end: () => cleanCluster(kubeconfig),
  };
}

async function kindCluster(options: ClusterOptions): Promise<DemoCluster> {
  for (const program of ['docker', 'kind']) {
    if (findProgram(program) === undefined) {
      throw new DemoError(
        `--kind needs ${program}, which is not on PATH; install it, or leave --kind out`,
      );
    }
  }
  const docker = await run('docker', ['info', '--format', '{{.ServerVersion}}']);
  if (docker.code !== 0) {
    throw new DemoError(`--kind needs a running Docker engine: ${docker.stderr.trim()}`);
  }
  const kubeconfig = join(options.lab.dir, 'kind.kubeconfig');
  const config = join(import.meta.dirname, '../kind.yaml');
  await writeFile(join(options.lab.dir, clusterFile), JSON.stringify({ kubeconfig, kind: true }));
  options.progress('creating a kind cluster');
  const flags = [
    '--name',
    kindName,
    '--kubeconfig',
    kubeconfig,
    '--config',
    config,
    '--wait',
    '120s',
  ];
  await runChecked('kind', ['create', 'cluster', ...flags], { timeoutMs: 600_000 });
  const gateway = await runChecked('docker', [
    ...['network', 'inspect', 'kind', '--format'],
    '{{range .IPAM.Config}}{{.Gateway}} {{end}}',
  ]);
  const nodeAddress = gateway.split(/\s+/).find((address) => /^\d+(\.\d+){3}$/.test(address));
  return {
    adminKubeconfig: kubeconfig,
    kubeconfigForToken: (name, token) => tokenKubeconfig(options.lab, kubeconfig, name, token),
    addresses: nodeAddress === undefined ? {} : { nodeAddress },
    end: () => deleteKind(kubeconfig),
  };
}

async function deleteKind(kubeconfig: string): Promise<void> {
  await run('kind', ['delete', 'cluster', '--name', kindName, '--kubeconfig', kubeconfig], {
    timeoutMs: 120_000,
  });
}

/** What the demo creates, what depends on others first. */
async function cleanCluster(kubeconfig: string): Promise<void> {
  const manifests = join(import.meta.dirname, '../../manifests');
  const remove = ['delete', '--ignore-not-found', '--timeout=60s'];
  await kubectl(kubeconfig, [...remove, '-f', join(manifests, 'example.yaml')]);
  await kubectl(kubeconfig, [...remove, 'sites.towline.dev', '--all', '-n', 'acme']);
  await kubectl(kubeconfig, [...remove, 'nodes', '-l', 'towline.dev/tenant=acme']);
  await kubectl(kubeconfig, [...remove, 'namespace', 'acme', '--wait=false']);
  await kubectl(kubeconfig, [...remove, '-f', join(manifests, 'rbac.yaml')]);
  await kubectl(kubeconfig, [...remove, '-f', join(manifests, 'crd.yaml')]);
}

interface Kubeconfig {
  clusters: { name: string; cluster: Record<string, unknown> }[];
  contexts: { name: string; context: { cluster: string } }[];
  'current-context': string;
}

/** A kubeconfig for the same cluster with another user, in the lab's own folder. */
async function tokenKubeconfig(
  lab: Lab,
  kubeconfig: string,
  name: string,
  token: string,
): Promise<string> {
  const flat = await runChecked('kubectl', ['config', 'view', '--flatten', '--minify'], {
    env: { ...process.env, KUBECONFIG: kubeconfig },
  });
  const config = parse(flat) as Kubeconfig;
  const [cluster] = config.clusters;
  if (cluster === undefined) throw new DemoError(`${kubeconfig} names no cluster`);
  const path = join(lab.dir, `${name}.kubeconfig`);
  const own = {
    ...{ apiVersion: 'v1', kind: 'Config', clusters: [cluster] },
    users: [{ name, user: { token } }],
    contexts: [{ name, context: { cluster: cluster.name, user: name } }],
    'current-context': name,
  };
  await writeFile(path, stringify(own), { mode: 0o600 });
  return path;
}
