import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { busyboxImage } from '../../../hack/lab/images.ts';
import { createLab } from '../../../hack/lab/lab.ts';
import { ensurePackages } from '../../../hack/lab/packages.ts';
import { sweepLabs } from '../../../hack/lab/remove-lab.ts';
import { waitFor } from '../../../hack/lab/wait.ts';
import { CutOffSite, isReady } from './cut-off-site.ts';
import { asDesired, makePod } from './engine.ts';

const progress = (line: string): void => {
  t.comment(line);
};

t.setTimeout(180_000);
await ensurePackages(progress);
await sweepLabs({ progress });
const lab = await createLab({ name: `doctor-${process.pid}`, progress });
t.teardown(() => lab.stop());
const device = await lab.startDevice({ name: 'd' });
const site = await CutOffSite.create(device);
const logFile = join(device.dir, 'log', 'berlin.log');

/** Nothing of a report may hold any of these. */
const canaries = {
  secretData: 'canary-of-a-secret',
  configMapData: 'canary-of-a-config-map',
  variable: 'canary-of-a-variable',
  logged: 'canary-of-a-log',
};

site.seed(
  asDesired('Secret', {
    metadata: { name: 'key', namespace: 'berlin' },
    data: { value: Buffer.from(canaries.secretData).toString('base64') },
  } as never),
  asDesired('ConfigMap', {
    metadata: { name: 'conf', namespace: 'berlin' },
    data: { value: canaries.configMapData },
  } as never),
  asDesired(
    'Pod',
    makePod('web', {
      containers: [
        {
          ...{ name: 'main', image: busyboxImage, command: ['sleep', '1000'] },
          // Under pressure of memory a pod that requests nothing is refused.
          resources: { requests: { cpu: '10m' } },
          env: [
            { name: 'A', value: canaries.variable },
            { name: 'B', valueFrom: { secretKeyRef: { name: 'key', key: 'value' } } },
            { name: 'C', valueFrom: { configMapKeyRef: { name: 'conf', key: 'value' } } },
          ],
        },
      ],
    }),
  ),
);

/** What is kept from pods, so that one that asks for any memory doesn't fit; and pressure that ends no pod for an hour. */
const upkeep = [
  ...['--system-reserved', 'memory=1Ti', '--eviction-soft', 'memory.available<99%'],
  ...['--eviction-soft-grace-period', 'memory.available=1h'],
];
const greedy = makePod('greedy', {
  containers: [{ name: 'main', image: busyboxImage, resources: { requests: { memory: '1Mi' } } }],
});
site.seed(asDesired('Pod', greedy));

async function report(...flags: readonly string[]): Promise<string> {
  const { stdout, stderr, code } = await device.run(process.execPath, [
    ...[join(import.meta.dirname, '../../../src/edge-runner/main.ts'), 'doctor', ...flags],
    ...['--log', logFile, '--', '--state-dir', site.stateDir, '--memory-dir', site.memoryDir],
    ...['--containerd', device.socket],
  ]);
  if (code !== 0 || stderr !== '') throw new TypeError(stderr);
  return stdout;
}

async function checkSecrecy(t: Test, text: string): Promise<void> {
  const key = await readFile(join(site.stateDir, 'identity', 'key.pem'), 'utf8');
  const [, keyText = ''] = key.split('\n');
  t.ok(keyText.length > 40, 'the key is found');
  for (const canary of [...Object.values(canaries), keyText]) {
    t.notOk(text.includes(canary), canary);
    t.notOk(text.includes(Buffer.from(canary).toString('base64')), `${canary} in base64`);
  }
}

void t.test('a report of a device that runs pods without the cloud', async (t) => {
  await site.start(...upkeep);
  const pods = await site.until('one to be ready, one refused', (pods) => {
    return pods.some(isReady) && pods.some(({ status }) => status?.phase === 'Failed');
  });
  t.match(
    pods.map(({ metadata, status }) => `${metadata.name} ${status?.message ?? ''}`),
    [/^greedy .*enough resource: memory, requested: 1048576, used: 0, capacity: 0/, 'web '],
  );
  await waitFor(
    async () => /^Pressure: MemoryPressure$/m.test((await site.cli(['status'])).stdout),
    { what: 'the pressure to be told', timeoutMs: 60_000, intervalMs: 1_000 },
  );
  const entry = { level: 40, time: Date.now(), msg: `password=${canaries.logged}` };
  await appendFile(logFile, `${JSON.stringify(entry)}\n`);
  const text = await report();
  t.match(text, /^device\n {2}towline-runner \S+/m);
  t.match(text, /^ {2}ok +kernel-features /m);
  t.match(text, /^ {2}containerd \d\.\S+ at /m);
  t.match(text, /^ {2}pod berlin\/web SANDBOX_READY: main CONTAINER_RUNNING$/m);
  t.match(text, /^ {2}site acme\/berlin$/m);
  t.match(text, /^ {2}certificate valid, \S+ to \S+, SHA-256 /m);
  t.match(text, /^ {2}\S+store\.db: \d+ bytes, written /m);
  t.match(text, /^ {2}Cloud: +not connected, never seen: /m);
  t.match(text, /warning not connected to the provider: .*connection refused/);
  t.match(text, /warning password=\(secret\)/);
  await checkSecrecy(t, text);
  const json = await report('-o', 'json');
  t.ok((JSON.parse(json) as { sections: unknown[] }).sections.length >= 7);
  await checkSecrecy(t, json);
});

void t.test('the log level changes while the runner runs', async (t) => {
  t.match(await site.cli(['log-level', 'loud']), { code: 1, stderr: /give one of trace, debug/ });
  t.match(await site.cli(['log-level']), { code: 0, stdout: 'info\n' });
  t.match(await site.cli(['log-level', 'debug']), { code: 0, stdout: /from debug on/ });
  t.match(await site.cli(['log-level']), { code: 0, stdout: 'debug\n' });
  await waitFor(async () => (await readFile(logFile, 'utf8')).includes('"level":20'), {
    what: 'a line of level debug',
    timeoutMs: 60_000,
  });
});

void t.test('without a runner and without containerd it reports all the same', async (t) => {
  await site.stop();
  await device.killContainerd();
  const text = await report();
  t.match(text, /^runner\n {2}no runner answers at /m);
  t.match(text, /^containerd\n {2}\S.*UNAVAILABLE/m);
  t.match(text, /^ {2}failed +containerd /m);
  t.match(text, /^ {2}site acme\/berlin$/m);
  await checkSecrecy(t, text);
});
