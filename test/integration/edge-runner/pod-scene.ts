import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Device } from '../../../hack/lab/device.ts';
import { busyboxImage } from '../../../hack/lab/images.ts';
import { waitFor } from '../../../hack/lab/wait.ts';
import type { Container, Pod, PodSpec, PodStatus } from '../../../src/kube/api.ts';
import type { EventReport } from '../../../src/protocol/report.ts';
import { asDesired, makePod, type Engine } from './engine.ts';

/** A device that runs pods, and what is heard of them. */
export class PodScene {
  readonly device: Device;
  readonly engine: Engine;

  constructor(device: Device, engine: Engine) {
    this.device = device;
    this.engine = engine;
  }

  /** Runs a pod of one container, `main`, to its end. Returns its status and what it has written. */
  async run(
    name: string,
    container: Container,
    spec: Partial<PodSpec> = {},
  ): Promise<{ status: PodStatus; output: string }> {
    const pod = makePod(name, { restartPolicy: 'Never', containers: [container], ...spec });
    this.engine.put(asDesired('Pod', pod));
    const status = await this.untilOver(pod);
    const output = await this.outputOf(pod);
    this.engine.remove(pod);
    return { status, output };
  }

  untilOver(pod: Pod): Promise<PodStatus> {
    return this.engine.until(pod, 'over', ({ phase }) =>
      ['Succeeded', 'Failed'].includes(phase ?? ''),
    );
  }

  /** What the first run of the container `main` has written so far. */
  async outputOf({ metadata: { name, uid = '' } }: Pod): Promise<string> {
    const log = join(this.device.dir, 'pod-logs', `berlin_${name}_${uid}`, 'main/0.log');
    const text = await readFile(log, 'utf8').catch(() => '');
    return text.replaceAll(/^\S+ std(out|err) F /gm, '');
  }

  /** Waits for an event of a pod with these words. */
  untilEvent(pod: Pod, reason: string, words: RegExp): Promise<EventReport> {
    const ofPod = (): EventReport[] =>
      this.engine.context.events.recent.filter((event) => event.pod.uid === pod.metadata.uid);
    return waitFor(
      () => ofPod().find((event) => event.reason === reason && words.test(event.message)),
      {
        ...{ what: `event ${reason} of ${pod.metadata.name}`, timeoutMs: 20_000 },
        explain: () => JSON.stringify(ofPod(), undefined, 1),
      },
    );
  }
}

/** The container `main`, or another, that runs a script. */
export function scripted(script: string, more: Partial<Container> = {}): Container {
  return { name: 'main', image: busyboxImage, command: ['sh', '-c', script], ...more };
}
