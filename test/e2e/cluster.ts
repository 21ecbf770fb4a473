import { randomBytes } from 'node:crypto';
import t, { type Test } from 'tap';
import type { CommandOptions } from '../../hack/lab/command.ts';
import type { ControlPlane } from '../../hack/lab/control-plane.ts';
import { type ControlPlaneBinaries, findControlPlanes } from '../../hack/lab/control-planes.ts';
import { kubectl, kubectlChecked } from '../../hack/lab/kubectl.ts';
import { createLab, type Lab } from '../../hack/lab/lab.ts';
import { ensurePackages } from '../../hack/lab/packages.ts';
import { sweepLabs } from '../../hack/lab/remove-lab.ts';
import {
  startTowline,
  type LabSite,
  type Towline,
  type TowlineOptions,
} from '../../hack/lab/towline.ts';
import { waitFor } from '../../hack/lab/wait.ts';
import type { Pod } from '../../src/kube/api.ts';

/** A real cluster with Towline and one site, for one test file. */
export interface Cluster {
  readonly lab: Lab;
  readonly plane: ControlPlane;
  readonly towline: Towline;
  readonly site: LabSite;
  /** Namespace of the site, in which tests make their pods. */
  readonly namespace: string;
  kubectl(...args: readonly string[]): Promise<string>;
  /** Like `kubectl`, but gives output and exit code whatever they are. */
  tryKubectl(
    args: readonly string[],
    options?: CommandOptions,
  ): Promise<{ stdout: string; stderr: string; code: number | null }>;
  apply(...objects: readonly object[]): Promise<void>;
  pod(name: string): Promise<Pod | undefined>;
  untilPod(
    name: string,
    what: string,
    condition: (pod: Pod) => boolean,
    timeoutMs?: number,
  ): Promise<Pod>;
}

/** Where nodes get their pod ranges from; sites of which the lab configured the network mind them not. */
export const clusterCidr = '10.244.0.0/16';

/** How long a site may be away in these tests before its node says so. */
export const disconnectGraceMs = 4_000;

/** Runs the tests of a file against every control plane that is found. */
export async function onEveryControlPlane(
  test: (t: Test, cluster: Cluster) => Promise<void>,
  {
    timeoutMs = 800_000,
    ...options
  }: { timeoutMs?: number } & Pick<TowlineOptions, 'siteCertificateLifetime' | 'runner'> = {},
): Promise<void> {
  t.setTimeout(timeoutMs + 40_000);
  const progress = (line: string): void => {
    t.comment(line);
  };
  await ensurePackages(progress);
  await sweepLabs({ progress });
  const { found, skipped } = await findControlPlanes(progress);
  for (const { dir, reason } of skipped) void t.test(dir, { skip: reason }, () => undefined);
  for (const binaries of found) {
    await t.test(binaries.name, async (t) => {
      t.setTimeout(timeoutMs);
      const lab = await createLab({ name: `e2e-${process.pid}-${binaries.version}`, progress });
      t.teardown(() => lab.stop());
      const plane = await lab.startControlPlane({
        binaries,
        extraFlags: {
          'kube-apiserver': apiServerFlags(binaries),
          'kube-controller-manager': [
            '--node-monitor-grace-period=16s',
            '--node-monitor-period=1s',
            ...['--allocate-node-cidrs=true', `--cluster-cidr=${clusterCidr}`],
          ],
        },
      });
      const towline = await startTowline({
        lab,
        plane,
        disconnectGrace: `${disconnectGraceMs}ms`,
        ...options,
      });
      const namespace = `t-${randomBytes(3).toString('hex')}`;
      const site = await towline.addSite({ name: 'berlin', tenant: namespace, staticPods: true });
      await test(t, new LabCluster({ lab, plane, towline, site, namespace }));
    });
  }
}

/** Kubernetes has them switched off as long as they are beta. */
function apiServerFlags({ version }: ControlPlaneBinaries): string[] {
  if (Number(version.split('.')[1]) < 33) return [];
  return [
    '--feature-gates=ClusterTrustBundle=true,ClusterTrustBundleProjection=true',
    '--runtime-config=certificates.k8s.io/v1beta1/clustertrustbundles=true',
  ];
}

class LabCluster implements Cluster {
  readonly lab: Lab;
  readonly plane: ControlPlane;
  readonly towline: Towline;
  readonly site: LabSite;
  readonly namespace: string;

  constructor(parts: Pick<Cluster, 'lab' | 'plane' | 'towline' | 'site' | 'namespace'>) {
    this.lab = parts.lab;
    this.plane = parts.plane;
    this.towline = parts.towline;
    this.site = parts.site;
    this.namespace = parts.namespace;
  }

  kubectl(...args: readonly string[]): Promise<string> {
    return kubectlChecked(this.plane.adminKubeconfig, ['-n', this.namespace, ...args]);
  }

  tryKubectl(
    args: readonly string[],
    options?: CommandOptions,
  ): Promise<{ stdout: string; stderr: string; code: number | null }> {
    return kubectl(this.plane.adminKubeconfig, ['-n', this.namespace, ...args], options);
  }

  async apply(...objects: readonly object[]): Promise<void> {
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
    await kubectlChecked(this.plane.adminKubeconfig, ['apply', '-n', this.namespace, '-f', '-'], {
      input,
    });
  }

  async pod(name: string): Promise<Pod | undefined> {
    const { stdout, code } = await this.tryKubectl(['get', 'pod', name, '-o', 'json']);
    return code === 0 ? (JSON.parse(stdout) as Pod) : undefined;
  }

  async untilPod(
    name: string,
    what: string,
    condition: (pod: Pod) => boolean,
    timeoutMs = 30_000,
  ): Promise<Pod> {
    let last: Pod | undefined;
    return waitFor(
      async () => {
        last = await this.pod(name);
        return last !== undefined && condition(last) && last;
      },
      {
        ...{ what: `pod ${name} to be ${what}`, timeoutMs, intervalMs: 150 },
        explain: () => JSON.stringify(last?.status, undefined, 1),
      },
    );
  }
}

/** A pod for the test's site, with a busybox shell as its only container. */
export function shellPod(
  cluster: Pick<Cluster, 'site'>,
  name: string,
  script: string,
  spec: Record<string, unknown> = {},
  container: Record<string, unknown> = {},
): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: name } },
    spec: {
      ...placement(cluster),
      terminationGracePeriodSeconds: 1,
      containers: [
        {
          ...{ name: 'main', image: 'docker.io/library/busybox:1.36' },
          command: ['sh', '-c', script],
          ...container,
        },
      ],
      ...spec,
    },
  };
}

/** What sends a pod to the test's site. */
export function placement({ site }: Pick<Cluster, 'site'>): object {
  return {
    nodeSelector: { 'towline.dev/site': site.name },
    tolerations: [
      { key: 'towline.dev/site', operator: 'Equal', value: site.name, effect: 'NoSchedule' },
    ],
  };
}

export function isRunning(pod: Pod): boolean {
  const ready = pod.status?.conditions?.find(({ type }) => type === 'Ready');
  return pod.status?.phase === 'Running' && ready?.status === 'True';
}
