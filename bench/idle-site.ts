import { findControlPlanes } from '../hack/lab/control-planes.ts';
import { kubectl, kubectlChecked } from '../hack/lab/kubectl.ts';
import { createLab, type Lab } from '../hack/lab/lab.ts';
import { LabError } from '../hack/lab/lab-error.ts';
import { ensurePackages } from '../hack/lab/packages.ts';
import type { Progress } from '../hack/lab/progress.ts';
import { sweepLabs } from '../hack/lab/remove-lab.ts';
import type { RunnerProgram } from '../hack/lab/runner-program.ts';
import { startTowline, type LabSite, type Towline } from '../hack/lab/towline.ts';
import { waitFor } from '../hack/lab/wait.ts';

/** Where the pods of benchmarks are. */
export const namespace = 'bench';

/** A site on a real cluster, with pods that do nothing. */
export interface IdleSite {
  readonly lab: Lab;
  readonly towline: Towline;
  readonly site: LabSite;
  /** Creates pods, and waits until all are Ready. */
  addPods(names: readonly string[]): Promise<void>;
  /** Deletes pods, and waits until they are gone. */
  removePods(names: readonly string[]): Promise<void>;
}

/** Starts everything; end it by `lab.stop()`. @throws LabError */
export async function startIdleSite(runner: RunnerProgram, progress: Progress): Promise<IdleSite> {
  await ensurePackages(progress);
  await sweepLabs({ progress });
  const { found } = await findControlPlanes(progress);
  const [binaries] = found;
  if (binaries === undefined) throw new LabError('not-found', 'no control plane was found');
  const lab = await createLab({ name: `bench-${process.pid}`, progress });
  try {
    const plane = await lab.startControlPlane({ binaries });
    const towline = await startTowline({ lab, plane, runner });
    const site = await towline.addSite({ name: 'site', tenant: namespace });
    return new LabIdleSite(lab, towline, site);
  } catch (error) {
    await lab.stop();
    throw error;
  }
}

class LabIdleSite implements IdleSite {
  readonly lab: Lab;
  readonly towline: Towline;
  readonly site: LabSite;

  constructor(lab: Lab, towline: Towline, site: LabSite) {
    this.lab = lab;
    this.towline = towline;
    this.site = site;
  }

  async addPods(names: readonly string[]): Promise<void> {
    const list = { apiVersion: 'v1', kind: 'List', items: names.map(idlePod) };
    await this.#kubectl(['apply', '-f', '-'], JSON.stringify(list));
    const readyNames =
      '-o=jsonpath={range .items[*]}{.status.conditions[?(@.type=="Ready")].status}={.metadata.name} {end}';
    await waitFor(
      async () => {
        const { stdout } = await kubectl(this.towline.kubeconfig, [
          '-n',
          namespace,
          'get',
          'pods',
          readyNames,
        ]);
        const answered = new Set(stdout.split(' '));
        return names.every((name) => answered.has(`True=${name}`));
      },
      { what: `${names.length} pods to be Ready`, timeoutMs: 300_000, intervalMs: 500 },
    );
  }

  async removePods(names: readonly string[]): Promise<void> {
    await this.#kubectl(['delete', 'pods', ...names, '--timeout=120s']);
  }

  async #kubectl(args: readonly string[], input = ''): Promise<void> {
    await kubectlChecked(this.towline.kubeconfig, ['-n', namespace, ...args], {
      input,
      timeoutMs: 180_000,
    });
  }
}

/** A pod for the site that does nothing. */
export function idlePod(name: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      nodeSelector: { 'towline.dev/site': 'site' },
      tolerations: [{ key: 'towline.dev/site', operator: 'Exists' }],
      terminationGracePeriodSeconds: 0,
      containers: [
        {
          ...{ name: 'main', image: 'docker.io/library/busybox:1.36' },
          command: ['sleep', '1000000'],
        },
      ],
    },
  };
}
