import { join } from 'node:path';
import type { ControlPlane } from '../../../hack/lab/control-plane.ts';
import { kubectlChecked } from '../../../hack/lab/kubectl.ts';
import { ensureNamespace, type Towline } from '../../../hack/lab/towline.ts';
import type { Pod } from '../../../src/kube/api.ts';
import { HandMadeRunner } from './hand-made-runner.ts';

export type PodIdentity = Record<'namespace' | 'name' | 'uid', string>;

/** Two sites of one cluster: one that does as it should, and one that doesn't. */
export class Scene {
  readonly admin: string;
  readonly towline: Towline;
  readonly honest: HandMadeRunner;
  readonly odd: HandMadeRunner;
  #count = 0;

  constructor(admin: string, towline: Towline, honest: HandMadeRunner, odd: HandMadeRunner) {
    this.admin = admin;
    this.towline = towline;
    this.honest = honest;
    this.odd = odd;
  }

  static async make(dir: string, plane: ControlPlane, towline: Towline): Promise<Scene> {
    const admin = plane.adminKubeconfig;
    await ensureNamespace(admin, 'acme');
    const [honest, odd] = await Promise.all(
      ['honest', 'odd'].map(async (name) => {
        const line = await towline.towlinectl('site', 'create', name, '-n', 'acme');
        const runner = await HandMadeRunner.join(line, join(dir, name));
        await runner.connect();
        await runner.reportNode();
        await kubectlChecked(admin, ['apply', '-f', '-'], { input: JSON.stringify(pod(name)) });
        return runner;
      }),
    );
    if (honest === undefined || odd === undefined) throw new TypeError('no runners');
    return new Scene(admin, towline, honest, odd);
  }

  kubectl(...args: readonly string[]): Promise<string> {
    return kubectlChecked(this.admin, args);
  }

  async apply(...items: readonly object[]): Promise<void> {
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
    await kubectlChecked(this.admin, ['apply', '-f', '-'], { input });
  }

  async pod(name: string, namespace = 'acme'): Promise<Pod> {
    return JSON.parse(await this.kubectl('-n', namespace, 'get', 'pod', name, '-o', 'json')) as Pod;
  }

  async identity(name: string, namespace = 'acme'): Promise<PodIdentity> {
    return { namespace, name, uid: (await this.pod(name, namespace)).metadata.uid ?? '' };
  }

  /** Whether the honest site can still bring a status into the cluster. */
  async honestWorks(): Promise<boolean> {
    const message = `status ${++this.#count}`;
    const stream = await this.honest.openReport();
    const answer = await stream.ask({
      type: 'pods',
      pods: [{ ...(await this.identity('honest')), gone: false, status: running(message) }],
    });
    return answer?.['type'] === 'ack' && (await this.pod('honest')).status?.message === message;
  }

  /** Whether the odd site is taken seriously when it does as it should. */
  async oddWorks(): Promise<boolean> {
    const stream = await this.odd.reportNode();
    const message = `status ${++this.#count}`;
    const answer = await stream.ask({
      type: 'pods',
      pods: [{ ...(await this.identity('odd')), gone: false, status: running(message) }],
    });
    return answer?.['type'] === 'ack' && (await this.pod('odd')).status?.message === message;
  }
}

/** The pod of one of the two sites, of the same name. */
export function pod(name: string): { spec: object; [field: string]: unknown } {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'acme' },
    spec: { nodeName: `${name}.acme`, containers: [{ name: 'main', image: 'busybox' }] },
  };
}

export function running(message: string): object {
  return { phase: 'Running', message };
}
