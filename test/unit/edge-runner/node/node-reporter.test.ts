import t from 'tap';
import { CriError } from '../../../../src/edge-runner/cri/cri-error.ts';
import { NodeReporter } from '../../../../src/edge-runner/node/node-reporter.ts';
import {
  RuntimeHealth,
  type RuntimeAbilities,
} from '../../../../src/edge-runner/node/runtime-health.ts';

const facts = {
  ...{ hostname: 'device', machineId: 'm', systemUuid: 's', bootId: 'b', addresses: [] },
  ...{ kernelVersion: '6.1', osImage: 'Debian', architecture: 'amd64' },
  operatingSystem: 'linux' as const,
  ...{ memoryBytes: 1e9, swapBytes: 0, cpuCount: 2, hugePages: [] },
};

const failed = { method: 'Status', detail: 'away', socketPath: '/nowhere', answered: false };

const conditions = ['RuntimeReady', 'NetworkReady'].map((type) => ({
  ...{ type, status: true, reason: '', message: '' },
}));

void t.test('what the runtime can do is looked at again, and kept while it is away', async (t) => {
  let can: RuntimeAbilities | undefined = { handlers: [], features: undefined };
  const health = new RuntimeHealth({
    cri: {
      status: () =>
        can === undefined
          ? Promise.reject(new CriError('UNAVAILABLE', failed))
          : Promise.resolve({
              ...{ status: { conditions }, info: {} },
              ...{ runtimeHandlers: [...can.handlers], features: can.features },
            }),
    },
    onNetworkReady: () => undefined,
  });
  let changes = 0;
  const version = { version: '', runtimeApiVersion: 'v1' };
  const node = await NodeReporter.create({
    cri: {
      version: () =>
        Promise.resolve({ ...version, runtimeName: 'containerd', runtimeVersion: '2.1.9' }),
    },
    ...{ health, facts, stateDir: t.testdir(), runnerVersion: 'test' },
    reservation: { system: {}, thresholds: [] },
    onChange: () => (changes += 1),
    log: { error: () => undefined, info: () => undefined },
  });
  t.strictSame(node.report.runtimeHandlers, []);
  t.equal(node.report.runtimeFeatures, undefined);
  await node.refresh();
  t.equal(changes, 0, 'the same is no change');

  const features = { recursiveReadOnlyMounts: true, userNamespaces: true };
  can = {
    handlers: [
      { name: '', features },
      { name: 'old', features: undefined },
    ],
    features: { supplementalGroupsPolicy: true, userNamespacesHostNetwork: true },
  };
  await node.refresh();
  t.equal(changes, 1);
  const handlers = [
    { name: '', recursiveReadOnlyMounts: true, userNamespaces: true },
    { name: 'old', recursiveReadOnlyMounts: false, userNamespaces: false },
  ];
  t.strictSame(node.report.runtimeHandlers, handlers);
  t.strictSame(node.report.runtimeFeatures, { supplementalGroupsPolicy: true });

  can = undefined;
  await node.refresh();
  t.match(node.report.conditions, [{ type: 'Ready', status: 'False' }]);
  t.strictSame(node.report.runtimeHandlers, handlers);

  can = { handlers: [], features: undefined };
  await node.refresh();
  t.strictSame(node.report.runtimeHandlers, [], 'an older runtime takes it back');
  t.notOk('runtimeFeatures' in node.report);
});

void t.test('nothing begins before the runtime has said what it can do', async (t) => {
  const health = new RuntimeHealth({
    cri: { status: () => Promise.reject(new CriError('UNAVAILABLE', failed)) },
    onNetworkReady: () => undefined,
  });
  const version = { version: '', runtimeApiVersion: 'v1', runtimeName: '', runtimeVersion: '' };
  const create = NodeReporter.create({
    cri: { version: () => Promise.resolve(version) },
    ...{ health, facts, stateDir: t.testdir(), runnerVersion: 'test' },
    reservation: { system: {}, thresholds: [] },
    onChange: () => undefined,
    log: { error: () => undefined, info: () => undefined },
  });
  await t.rejects(create, { code: 'UNAVAILABLE' });
});
