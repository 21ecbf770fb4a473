import t from 'tap';
import type { ContainerStatus, PodPhase, PodSpec } from '../../../src/kube/api.ts';
import { podPhase, type PhaseHints } from '../../../src/kube/pod-status.ts';
import { container, status } from './pods.ts';

interface Case {
  name: string;
  spec?: Partial<PodSpec>;
  init?: ContainerStatus[];
  main?: ContainerStatus[];
  hints?: PhaseHints;
  phase: PodPhase;
}

const two = { containers: [container({ name: 'a' }), container({ name: 'b' })] };
const withInit = { initContainers: [container({ name: 'init' })] };
const withSidecar = {
  initContainers: [container({ name: 'side', restartPolicy: 'Always' })],
};

const cases: Case[] = [
  { name: 'nothing known', phase: 'Pending' },
  { name: 'being created', main: [status('main', 'waiting')], phase: 'Pending' },
  { name: 'running', main: [status('main', 'running')], phase: 'Running' },
  {
    name: 'one of two not started',
    spec: two,
    main: [status('a', 'running'), status('b', 'waiting')],
    phase: 'Pending',
  },
  {
    name: 'one of two unknown',
    spec: two,
    main: [status('a', 'running')],
    phase: 'Pending',
  },
  {
    name: 'one of two ended',
    spec: { ...two, restartPolicy: 'Never' },
    main: [status('a', 'running'), status('b', 1)],
    phase: 'Running',
  },
  { name: 'crash loop', main: [status('main', 'crashed')], phase: 'Running' },
  { name: 'ended, to be restarted', main: [status('main', 0)], phase: 'Running' },
  {
    name: 'ended well, OnFailure',
    spec: { restartPolicy: 'OnFailure' },
    main: [status('main', 0)],
    phase: 'Succeeded',
  },
  {
    name: 'ended badly, OnFailure',
    spec: { restartPolicy: 'OnFailure' },
    main: [status('main', 1)],
    phase: 'Running',
  },
  {
    name: 'ended badly, Never',
    spec: { restartPolicy: 'Never' },
    main: [status('main', 1)],
    phase: 'Failed',
  },
  {
    name: 'one well and one badly, Never',
    spec: { ...two, restartPolicy: 'Never' },
    main: [status('a', 0), status('b', 2)],
    phase: 'Failed',
  },
  {
    name: 'stopped for good, well',
    main: [status('main', 0)],
    hints: { terminal: true },
    phase: 'Succeeded',
  },
  {
    name: 'stopped for good, badly',
    main: [status('main', 137)],
    hints: { terminal: true },
    phase: 'Failed',
  },
  {
    name: 'init container running',
    spec: withInit,
    init: [status('init', 'running')],
    main: [status('main', 'waiting')],
    phase: 'Pending',
  },
  {
    name: 'init container failed, Never',
    spec: { ...withInit, restartPolicy: 'Never' },
    init: [status('init', 1)],
    main: [status('main', 'waiting')],
    phase: 'Failed',
  },
  {
    name: 'init container failed, to be restarted',
    spec: withInit,
    init: [status('init', 'crashed')],
    main: [status('main', 'waiting')],
    phase: 'Pending',
  },
  {
    name: 'init container done',
    spec: withInit,
    init: [status('init', 0)],
    main: [status('main', 'running')],
    phase: 'Running',
  },
  {
    name: 'sidecar not started yet',
    spec: withSidecar,
    init: [status('side', 'running')],
    main: [status('main', 'waiting')],
    phase: 'Pending',
  },
  {
    name: 'sidecar restarting beside a running container',
    spec: withSidecar,
    init: [status('side', 'crashed')],
    main: [status('main', 'running')],
    hints: { initialized: true },
    phase: 'Running',
  },
  {
    name: 'sidecar outlives the containers',
    spec: { ...withSidecar, restartPolicy: 'Never' },
    init: [status('side', 'running', { started: true })],
    main: [status('main', 0)],
    phase: 'Running',
  },
];

void t.test('phases follow from container states', (t) => {
  for (const { name, spec, init, main, hints, phase } of cases) {
    const whole = { containers: [container()], ...spec };
    t.equal(podPhase(whole, init, main, hints), phase, name);
  }
  t.end();
});
