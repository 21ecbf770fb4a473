import t from 'tap';
import type { Condition, NodeStatus } from '../../../../src/kube/api.ts';
import {
  connectedStatus,
  lostStatus,
  planNodeStatusPatch,
} from '../../../../src/provider/node/plan-node-status.ts';
import type { NodeReport } from '../../../../src/protocol/report.ts';

const start = Date.parse('2026-01-01T00:00:00Z');
const facts = {
  address: '10.0.0.1',
  kubeletPort: 10350,
  kubeletVersion: 'v1.20.0-towline.0.1.0',
  apiMinor: 20,
};

const report: NodeReport = {
  capacity: { cpu: '4', memory: '1Gi' },
  allocatable: { cpu: '4', memory: '900Mi' },
  nodeInfo: {
    machineID: 'm',
    systemUUID: 's',
    bootID: 'b',
    kernelVersion: '6.1',
    osImage: 'Debian',
    containerRuntimeVersion: 'containerd://1.6.20',
    operatingSystem: 'linux',
    architecture: 'arm64',
  },
  conditions: [],
  addresses: ['192.168.1.2'],
  hostname: 'device',
  runnerVersion: '0.1.0',
};

function connected(current: NodeStatus | undefined, nowMs: number, from = report): NodeStatus {
  return connectedStatus({ report: from, facts, current, nowMs });
}

function condition(status: NodeStatus, type: string): Condition | undefined {
  return status.conditions?.find((c) => c.type === type);
}

void t.test('a connected site looks like any node', (t) => {
  const status = connected(undefined, start);
  t.same(
    status.conditions?.map(({ type, status: s, reason }) => `${type} ${s} ${reason ?? ''}`),
    [
      'MemoryPressure False KubeletHasSufficientMemory',
      'DiskPressure False KubeletHasNoDiskPressure',
      'PIDPressure False KubeletHasSufficientPID',
      'Ready True KubeletReady',
    ],
  );
  t.same(status.addresses, [{ type: 'InternalIP', address: '10.0.0.1' }]);
  t.equal(status.daemonEndpoints?.kubeletEndpoint?.Port, 10350);
  t.equal(status.nodeInfo?.kubeletVersion, 'v1.20.0-towline.0.1.0');
  t.end();
});

void t.test('what the device says of its conditions holds', (t) => {
  const notReady = {
    ...{ type: 'Ready', status: 'False' as const },
    ...{ reason: 'KubeletNotReady', message: 'container runtime is down' },
  };
  const status = connected(undefined, start, { ...report, conditions: [notReady] });
  t.match(condition(status, 'Ready'), notReady);
  t.end();
});

void t.test('what the runner can do is declared where the cluster asks for it', (t) => {
  const features = ['Second', 'First', 'Second'];
  const declared = (current: NodeStatus | undefined, from: NodeReport): string[] | undefined =>
    connectedStatus({
      ...{ report: from, current, nowMs: start },
      facts: { ...facts, apiMinor: 36 },
    }).declaredFeatures;
  t.same(declared(undefined, { ...report, features }), ['First', 'Second']);
  t.equal(declared(undefined, report), undefined, 'an older runner declares nothing');
  t.same(
    declared({ declaredFeatures: ['First'] }, report),
    [],
    'and takes back what a newer one did',
  );
  t.equal(connected(undefined, start, { ...report, features }).declaredFeatures, undefined);
  t.end();
});

void t.test('what the runtime can do is said where the API server has a field for it', (t) => {
  const runtimeHandlers = [
    { name: '', recursiveReadOnlyMounts: true, userNamespaces: true },
    { name: 'old', recursiveReadOnlyMounts: false, userNamespaces: false },
  ];
  const runtimeFeatures = { supplementalGroupsPolicy: true };
  const said = (apiMinor: number, from: object, current?: NodeStatus): object => {
    const status = connectedStatus({
      ...{ report: { ...report, ...from }, current, nowMs: start },
      facts: { ...facts, apiMinor },
    });
    return { runtimeHandlers: status.runtimeHandlers, features: status.features };
  };
  const told = {
    runtimeHandlers: [
      { features: { recursiveReadOnlyMounts: true, userNamespaces: true } },
      { name: 'old', features: { recursiveReadOnlyMounts: false, userNamespaces: false } },
    ],
    features: { supplementalGroupsPolicy: true },
  };
  const nothing = { runtimeHandlers: undefined, features: undefined };
  t.strictSame(said(31, { runtimeHandlers, runtimeFeatures }), told);
  t.strictSame(said(30, { runtimeHandlers, runtimeFeatures }), nothing);
  t.strictSame(said(31, { runtimeHandlers: [] }), nothing, 'an old runtime says nothing');
  t.strictSame(said(31, {}), nothing, 'nor does an older runner');
  t.strictSame(
    said(31, {}, told),
    { runtimeHandlers: [], features: { supplementalGroupsPolicy: false } },
    'which takes back what a newer one said',
  );
  t.end();
});

void t.test('nothing is written while nothing changes, but every five minutes', (t) => {
  const current = connected(undefined, start);
  const later = connected(current, start + 60_000);
  t.equal(planNodeStatusPatch(current, later, start + 60_000), undefined);
  const due = start + 5 * 60_000;
  t.ok(planNodeStatusPatch(current, connected(current, due), due));
  t.end();
});

void t.test('a transition time moves only with its status', (t) => {
  const current = connected(undefined, start);
  const lost = lostStatus({ current, lastSeenMs: start, nowMs: start + 40_000 });
  t.equal(condition(lost, 'Ready')?.status, 'Unknown');
  t.equal(condition(lost, 'Ready')?.reason, 'SiteDisconnected');
  t.match(condition(lost, 'Ready')?.message, '2026-01-01T00:00:00Z');
  t.equal(condition(lost, 'Ready')?.lastTransitionTime, '2026-01-01T00:00:40Z');
  const back = connected({ ...current, ...lost }, start + 90_000);
  t.equal(condition(back, 'Ready')?.lastTransitionTime, '2026-01-01T00:01:30Z');
  t.equal(
    condition(connected(back, start + 95_000), 'Ready')?.lastTransitionTime,
    '2026-01-01T00:01:30Z',
  );
  t.end();
});

void t.test('a lost site is said so once', (t) => {
  const current = connected(undefined, start);
  const lost = lostStatus({ current, lastSeenMs: start, nowMs: start + 40_000 });
  t.ok(planNodeStatusPatch(current, lost, start + 40_000));
  const after = { ...current, ...lost };
  const later = start + 60 * 60_000;
  const again = lostStatus({ current: after, lastSeenMs: undefined, nowMs: later });
  t.equal(planNodeStatusPatch(after, again, later), undefined);
  t.end();
});

void t.test('what another wrote over it is put right', (t) => {
  const current = connected(undefined, start);
  const ready = condition(current, 'Ready');
  t.ok(ready);
  const flipped = {
    ...current,
    conditions: (current.conditions ?? []).map((c) =>
      c.type === 'Ready' ? { ...c, status: 'Unknown' as const, reason: 'NodeStatusUnknown' } : c,
    ),
  };
  const patch = planNodeStatusPatch(flipped, connected(flipped, start + 1000), start + 1000);
  t.match(patch, { status: { conditions: [{}, {}, {}, { type: 'Ready', status: 'True' }] } });
  t.end();
});

void t.test('resources that the device no longer has are taken away', (t) => {
  const current = connected(undefined, start, {
    ...report,
    capacity: { ...report.capacity, 'hugepages-2Mi': '4Mi' },
  });
  t.match(planNodeStatusPatch(current, connected(current, start), start), {
    status: { capacity: { 'hugepages-2Mi': null, cpu: '4' } },
  });
  t.end();
});

void t.test('extended resources that somebody advertised stay, and can be allocated', (t) => {
  const current = connected(undefined, start);
  current.capacity = { ...current.capacity, 'example.com/dongle': '4' };
  const wanted = connected(current, start);
  t.same(wanted.capacity, { ...report.capacity, 'example.com/dongle': '4' });
  t.match(planNodeStatusPatch(current, wanted, start), {
    status: { allocatable: { 'example.com/dongle': '4' } },
  });
  const given = { ...current, ...wanted };
  t.equal(planNodeStatusPatch(given, connected(given, start), start), undefined);
  const taken = { ...given, capacity: report.capacity };
  t.match(planNodeStatusPatch(taken, connected(taken, start), start), {
    status: { allocatable: { 'example.com/dongle': null } },
  });
  t.end();
});

void t.test('a device has no extended resources to tell of', (t) => {
  const lies = { 'evil.io/x': '100' };
  const lying = {
    ...report,
    capacity: { ...report.capacity, ...lies, 'example.com/dongle': '100' },
    allocatable: { ...report.allocatable, ...lies },
  };
  const current = connected(undefined, start, lying);
  t.same(current.capacity, report.capacity, 'what it told would stay for ever');
  t.same(current.allocatable, report.allocatable);
  current.capacity = { ...current.capacity, 'example.com/dongle': '4' };
  t.equal(connected(current, start, lying).capacity?.['example.com/dongle'], '4');
  t.end();
});

void t.test('addresses are replaced, not merged', (t) => {
  const current = connected(undefined, start);
  current.addresses = [{ type: 'Hostname', address: 'device' }];
  t.match(planNodeStatusPatch(current, connected(current, start), start), {
    status: { addresses: [{ type: 'InternalIP', address: '10.0.0.1' }, { $patch: 'replace' }] },
  });
  t.end();
});
