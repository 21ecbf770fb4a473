import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Device } from '../../../hack/lab/device.ts';
import { busyboxImage } from '../../../hack/lab/images.ts';
import { waitFor } from '../../../hack/lab/wait.ts';
import type {
  Container,
  ContainerStateTerminated,
  Pod,
  VolumeMount,
} from '../../../src/kube/api.ts';
import type { EventReport } from '../../../src/protocol/report.ts';
import { Engine } from './engine.ts';

/** A device whose pods have volumes. */
export class VolumeScene {
  readonly device: Device;
  engine: Engine;

  private constructor(device: Device, engine: Engine) {
    this.device = device;
    this.engine = engine;
  }

  static async start(device: Device): Promise<VolumeScene> {
    return new VolumeScene(device, await Engine.start(device));
  }

  /** Another runner takes over. */
  async restart(): Promise<void> {
    await this.engine.stop();
    this.engine = await Engine.start(this.device);
  }

  /** Folders of a pod, on disk and in memory. */
  dirsOf(pod: Pod): string[] {
    const uid = pod.metadata.uid ?? '';
    return ['towline', 'memory'].map((name) => join(this.device.dir, name, 'pods', uid));
  }

  async mountsOf(pod: Pod): Promise<string[]> {
    const table = await readFile('/proc/self/mountinfo', 'utf8');
    const uid = pod.metadata.uid ?? '';
    const points = table.split('\n').map((line) => line.split(' ')[4] ?? '');
    return points.filter((point) => point.startsWith(this.device.dir) && point.includes(uid));
  }

  async untilNothingIsLeft(pod: Pod): Promise<void> {
    let left: string[] = [];
    const look = async (): Promise<boolean> => {
      const dirs = await Promise.all(this.dirsOf(pod).map((dir) => existing(dir)));
      left = [...dirs.flat(), ...(await this.mountsOf(pod))];
      return left.length === 0;
    };
    await waitFor(look, {
      ...{ what: 'nothing to be left of the pod', timeoutMs: 20_000 },
      explain: () => left.join('\n'),
    });
  }

  async untilEvent(pod: Pod, reason: string, message: string | RegExp): Promise<void> {
    const ofPod = (): EventReport[] =>
      this.engine.context.events.recent.filter((event) => event.pod.uid === pod.metadata.uid);
    const says = (event: EventReport): boolean =>
      typeof message === 'string' ? event.message === message : message.test(event.message);
    await waitFor(() => ofPod().some((event) => event.reason === reason && says(event)), {
      ...{ what: `event ${reason} of ${pod.metadata.name}`, timeoutMs: 15_000 },
      explain: () => JSON.stringify(ofPod(), undefined, 1),
    });
  }

  /** Runs a script in a running container, and gives its output. */
  async exec(pod: Pod, container: string, script: string): Promise<string> {
    const uid = pod.metadata.uid ?? '';
    const { containers } = await this.engine.context.observer.observe(uid);
    const containerId = containers.find(({ name }) => name === container)?.id ?? '';
    const cmd = ['sh', '-c', script];
    const { stdout } = await this.engine.cri.execSync({ containerId, cmd, timeout: 10 });
    return Buffer.from(stdout).toString('utf8');
  }

  /** What a container that still runs has written as its termination message. */
  async terminationMessage(pod: Pod, container: string): Promise<string> {
    const dir = join(this.dirsOf(pod)[0] ?? '', 'containers', container);
    const [name = ''] = await readdir(dir);
    return readFile(join(dir, name), 'utf8');
  }
}

/** How the only container of a pod ended. */
export async function endOf(
  { engine }: VolumeScene,
  pod: Pod,
): Promise<ContainerStateTerminated | undefined> {
  const isOver = (phase: string | undefined): boolean =>
    phase === 'Succeeded' || phase === 'Failed';
  const status = await engine.until(pod, 'over', ({ phase }) => isOver(phase));
  return status.containerStatuses?.[0]?.state.terminated;
}

export function shell(
  name: string,
  script: string,
  volumeMounts: VolumeMount[] = [],
  more: Partial<Container> = {},
): Container {
  return { name, image: busyboxImage, command: ['sh', '-c', script], volumeMounts, ...more };
}

async function existing(path: string): Promise<string[]> {
  const found = await stat(path).catch(() => undefined);
  return found === undefined ? [] : [path];
}
