import t from 'tap';
import { describePod } from '../../../../src/edge-runner/control/describe-pod.ts';
import type { StatusAnswer } from '../../../../src/edge-runner/control/messages.ts';
import { formatPods, statusText } from '../../../../src/edge-runner/control/pod-table.ts';
import { formatStatus } from '../../../../src/edge-runner/control/status-text.ts';
import type { ContainerState, ContainerStatus, Pod, PodSpec } from '../../../../src/kube/api.ts';

const nowMs = Date.parse('2026-03-01T12:00:00Z');

function container(state: ContainerState, fields: Partial<ContainerStatus> = {}): ContainerStatus {
  return {
    ...{ name: 'web', state, lastState: {}, ready: false, restartCount: 0 },
    ...{ image: 'web:1', imageID: 'sha256:1', ...fields },
  };
}

function pod(statuses: ContainerStatus[], fields: Partial<Pod> = {}): Pod {
  return {
    metadata: { name: 'shop', namespace: 'acme', creationTimestamp: '2026-03-01T11:00:00Z' },
    spec: { containers: [{ name: 'web', image: 'web:1' }], priority: 7 },
    status: { phase: 'Running', podIP: '10.1.0.7', containerStatuses: statuses },
    ...fields,
  };
}

const up = container(
  { running: { startedAt: '2026-03-01T11:59:00Z' } },
  { ready: true, restartCount: 3 },
);

void t.test('pods are listed as kubectl lists them', (t) => {
  t.equal(
    formatPods([pod([up])], { wide: true, nowMs }),
    'NAMESPACE   NAME   READY   STATUS    RESTARTS   AGE   RUNNING   IP\n' +
      'acme        shop   1/1     Running   3          60m   60s       10.1.0.7\n',
  );
  t.end();
});

void t.test('the status is the word that kubectl shows', (t) => {
  const waiting = container({ waiting: { reason: 'CrashLoopBackOff' } });
  t.equal(statusText(pod([waiting])), 'CrashLoopBackOff');
  t.equal(statusText(pod([container({ terminated: { exitCode: 3 } })])), 'ExitCode:3');
  const done = container({ terminated: { exitCode: 0, reason: 'Completed' } });
  t.equal(statusText(pod([done], { status: { phase: 'Succeeded' } })), 'Succeeded');
  t.equal(statusText(pod([done])), 'Completed');
  const failed = pod([], { status: { phase: 'Failed', reason: 'Evicted' } });
  t.equal(statusText(failed), 'Evicted');
  const leaving = pod([up], { metadata: { name: 'x', deletionTimestamp: '2026-03-01T12:00:00Z' } });
  t.equal(statusText(leaving), 'Terminating');
  const spec = { containers: [], initContainers: [{ name: 'a' }, { name: 'b' }] };
  const states = [done, container({ running: {} })];
  const starting = pod([], { spec, status: { phase: 'Pending', initContainerStatuses: states } });
  t.equal(statusText(starting), 'Init:1/2');
  t.end();
});

void t.test('a pod is described with its containers and events', (t) => {
  const crashed = container(
    { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 10s' } },
    { lastState: { terminated: { exitCode: 9, reason: 'Error' } }, restartCount: 1 },
  );
  const text = describePod(
    pod([crashed]),
    [
      {
        ...{ id: '1', pod: { uid: 'u', name: 'shop', namespace: 'acme' }, type: 'Warning' },
        ...{ reason: 'BackOff', message: 'Back-off restarting', count: 4 },
        firstTimestamp: '2026-03-01T11:50:00Z',
        lastTimestamp: '2026-03-01T11:59:00Z',
      },
    ],
    nowMs,
  );
  t.match(text, /^Name: {13}shop\n/);
  t.match(text, /Priority: +7\n/);
  t.match(text, /State: +Waiting: CrashLoopBackOff: back-off 10s\n/);
  t.match(text, /Last State: +Terminated: Error: exit code 9/);
  t.match(text, /Warning {3}BackOff {3}60s \(x4\) {3}Back-off restarting/);
  t.match(text, /\nVolumes:\n {2}<none>\n/);
  t.notMatch(text, /Ports|Limits|Requests/);
  t.end();
});

void t.test('a pod’s ports and what it asks for are shown', (t) => {
  const spec: PodSpec = {
    containers: [
      {
        name: 'web',
        ports: [
          { containerPort: 80, hostPort: 8080 },
          { containerPort: 53, protocol: 'UDP' },
        ],
        resources: { limits: { memory: '16Mi' }, requests: { cpu: '100m', memory: '8Mi' } },
      },
    ],
    volumes: [{ name: 'scratch', emptyDir: {} }],
  };
  const text = describePod(pod([up], { spec }), [], nowMs);
  t.match(text, /Ports: +80\/TCP at the device's 8080, 53\/UDP\n/);
  t.match(text, /Limits: +memory=16Mi\n +Requests: +cpu=100m,memory=8Mi\n/);
  t.match(text, /\nVolumes:\n {2}scratch: emptyDir \{\}\n/);
  t.end();
});

void t.test('status says what the device runs out of, where it does', (t) => {
  const status: StatusAnswer = {
    ...{ site: 'shop', tenant: 'acme', nodeName: 'shop.acme', runnerVersion: '1.0.0' },
    startedAt: '2026-03-01T11:00:00Z',
    runtime: { version: 'containerd://1.7.0', ready: true, message: '' },
    cloud: { connected: false },
    unsent: { pods: 1, events: 0 },
    pods: { total: 2, ready: 1 },
  };
  t.notMatch(formatStatus(status, nowMs), /Pressure/);
  const pressure = ['MemoryPressure', 'DiskPressure'];
  t.match(
    formatStatus({ ...status, pressure }, nowMs),
    /^Pressure: MemoryPressure, DiskPressure\n/m,
  );
  t.end();
});
