import { HostError } from '../host/host-error.ts';
import { readHostFacts } from '../host/host-facts.ts';
import { readText } from '../host/host-files.ts';
import { runnerBuild } from '../version.ts';
import type { Section } from './section.ts';

/** The program and the machine. */
export async function describeDevice(nowMs: number): Promise<Section> {
  const title = 'device';
  const runtime =
    process.versions['bun'] === undefined
      ? `node ${process.versions.node}`
      : `bun ${process.versions['bun']}`;
  const lines = [
    `towline-runner ${runnerBuild}, ${runtime}`,
    `now ${new Date(nowMs).toISOString()}`,
  ];
  try {
    const facts = await readHostFacts();
    const [uptime = ''] = ((await readText({}, '/proc/uptime')) ?? '').split(' ');
    return {
      title,
      lines: [
        ...lines,
        `up for ${Math.floor(Number(uptime) / 60)} min`,
        `${facts.osImage}, Linux ${facts.kernelVersion}, ${facts.architecture}`,
        `${facts.cpuCount} processors, ${Math.floor(facts.memoryBytes / 2 ** 20)} MiB of memory`,
        ...facts.addresses.map(({ interfaceName, address }) => `${interfaceName} ${address}`),
      ],
    };
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    return { title, lines: [...lines, error.message] };
  }
}
