import t from 'tap';
import { cadvisorMetrics } from '../../../../src/edge-runner/stats/cadvisor-metrics.ts';
import { renderMetrics } from '../../../../src/edge-runner/stats/metrics-text.ts';
import { probeMetrics } from '../../../../src/edge-runner/stats/probe-metrics.ts';
import { resourceMetrics } from '../../../../src/edge-runner/stats/resource-metrics.ts';
import { runnerMetrics } from '../../../../src/edge-runner/stats/runner-metrics.ts';
import { ProbeCounts } from '../../../../src/edge-runner/probes/probe-counts.ts';
import { makeContainer, makeObserved, makePod } from '../pod/make-observed.ts';
import { nodeUsage, podUsage } from './make-usage.ts';

void t.test('Prometheus’ text, with everything escaped and labels in order', (t) => {
  const text = renderMetrics([
    { name: 'none', help: 'no samples', type: 'gauge', samples: [] },
    {
      name: 'some',
      help: 'two\nlines',
      type: 'counter',
      samples: [{ labels: { z: 'a"b\\c\nd', a: '' }, value: 0.5, atMs: 7 }, { value: 3 }],
    },
  ]);
  t.equal(
    text,
    '# HELP some two\\nlines\n# TYPE some counter\nsome{a="",z="a\\"b\\\\c\\nd"} 0.5 7\nsome 3\n',
  );
  t.end();
});

void t.test('/metrics/resource has what metrics-server reads', (t) => {
  const text = renderMetrics(resourceMetrics({ node: nodeUsage, pods: [podUsage()], failures: 0 }));
  const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  t.same(samples, [
    'node_cpu_usage_seconds_total 2.5 5000',
    'node_memory_working_set_bytes 600 5000',
    'node_swap_usage_bytes 20 5000',
    'container_cpu_usage_seconds_total{container="app",namespace="shop",pod="web"} 1 4500',
    'container_memory_working_set_bytes{container="app",namespace="shop",pod="web"} 60 4500',
    'container_swap_usage_bytes{container="app",namespace="shop",pod="web"} 5 4500',
    'container_swap_limit_bytes{container="app",namespace="shop",pod="web"} 8 4500',
    'container_start_time_seconds{container="app",namespace="shop",pod="web"} 3',
    'pod_cpu_usage_seconds_total{namespace="shop",pod="web"} 1.5 4000',
    'pod_memory_working_set_bytes{namespace="shop",pod="web"} 70 4000',
    'pod_swap_usage_bytes{namespace="shop",pod="web"} 6 4000',
    'resource_scrape_error 0',
  ]);
  t.end();
});

void t.test('what the runtime doesn’t say is left out, and a failure is told', (t) => {
  const silent = podUsage({ cpu: undefined, memory: undefined, swap: undefined, containers: [] });
  const text = renderMetrics(resourceMetrics({ node: nodeUsage, pods: [silent], failures: 1 }));
  t.notMatch(text, 'pod="web"');
  t.match(text, 'resource_scrape_error 1');
  t.end();
});

void t.test('/metrics/cadvisor has machine, pod and container under cAdvisor’s labels', (t) => {
  const usage = { node: nodeUsage, pods: [podUsage()], failures: 0 };
  const text = renderMetrics(
    cadvisorMetrics(usage, { cpuCount: 4, cgroupOf: () => '/kubepods/p' }),
  );
  for (const line of [
    'container_cpu_usage_seconds_total{container="",cpu="total",id="/",image="",name="",namespace="",pod=""} 2.5 5000',
    'container_cpu_usage_seconds_total{container="app",cpu="total",id="/kubepods/p/c1",image="app:1",name="c1",namespace="shop",pod="web"} 1 4500',
    'container_memory_rss{container="",id="/kubepods/p",image="",name="",namespace="shop",pod="web"} 30 4000',
    'container_fs_usage_bytes{container="app",device="",id="/kubepods/p/c1",image="app:1",name="c1",namespace="shop",pod="web"} 500',
    'container_network_receive_bytes_total{container="",id="/kubepods/p",image="",interface="eth0",name="",namespace="shop",pod="web"} 11',
    'machine_cpu_cores 4',
  ]) {
    t.ok(text.includes(`\n${line}\n`), line);
  }
  t.end();
});

void t.test('/metrics/probes counts results in a kubelet’s words', (t) => {
  const counts = new ProbeCounts();
  counts.add('liveness', 'app', { result: 'error', tookMs: 1 });
  counts.add('liveness', 'app', { result: 'failure', tookMs: 1 });
  counts.add('liveness', 'app', { result: 'failure', tookMs: 1 });
  counts.add('readiness', 'app', { result: 'warning', tookMs: 30 });
  counts.add('readiness', 'app', { result: 'success', tookMs: 11_000 });
  const text = renderMetrics(probeMetrics([{ pod: makePod(), probeCounts: counts.all }]));
  const labels = 'container="app",namespace="berlin",pod="shop"';
  const readiness = `${labels},probe_type="Readiness"`;
  const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('# HELP'));
  const bucket = (le: string, value: number): string =>
    `prober_probe_duration_seconds_bucket{${readiness},le="${le}"} ${value}`;
  t.same(samples, [
    '# TYPE prober_probe_duration_seconds histogram',
    ...['0.005', '0.01', '0.025'].map((le) => bucket(le, 0)),
    ...['0.05', '0.1', '0.25', '0.5', '1', '2.5', '5', '10'].map((le) => bucket(le, 1)),
    bucket('+Inf', 2),
    `prober_probe_duration_seconds_sum{${readiness}} 11.03`,
    `prober_probe_duration_seconds_count{${readiness}} 2`,
    '# TYPE prober_probe_total counter',
    `prober_probe_total{${labels},pod_uid="uid-1",probe_type="Liveness",result="failed"} 2`,
    `prober_probe_total{${labels},pod_uid="uid-1",probe_type="Readiness",result="successful"} 2`,
  ]);
  t.end();
});

void t.test('/metrics tells what the runner does', async (t) => {
  const observed = makeObserved({ containers: [makeContainer(), makeContainer({ attempt: 1 })] });
  const text = renderMetrics(
    await runnerMetrics({
      ...{ nodeName: 'berlin.shop', version: '1.2.3', unsent: { pods: 1, events: 2 } },
      pods: [{ pod: makePod(), observed }],
      evictions: new Map([['memory.available', 3]]),
      terminations: [{ type: 'container', exitCode: 139, reason: 'Error', count: 4 }],
    }),
  );
  for (const line of [
    'kubelet_node_name{node="berlin.shop"} 1',
    'kubelet_running_pods 1',
    'kubelet_running_containers{container_state="running"} 2',
    'kubelet_evictions{eviction_signal="memory.available"} 3',
    'kubelet_terminated_containers_total{container_type="container",exit_code="139",reason="Error"} 4',
    'kubelet_desired_pods 1',
    'towline_runner_unsent_pod_reports 1',
    'towline_runner_unsent_events 2',
  ]) {
    t.ok(text.includes(`\n${line}\n`), line);
  }
  t.same(
    Array.from(text.matchAll(/^# TYPE (.*)$/gm), ([, type]) => type),
    [
      'kubelet_node_name gauge',
      'kubelet_running_pods gauge',
      'kubelet_running_containers gauge',
      'kubelet_desired_pods gauge',
      'kubelet_evictions counter',
      'kubelet_terminated_containers_total counter',
      'towline_runner_info gauge',
      'towline_runner_unsent_pod_reports gauge',
      'towline_runner_unsent_events gauge',
      'process_cpu_seconds_total counter',
      'process_resident_memory_bytes gauge',
      'process_start_time_seconds gauge',
      'process_open_fds gauge',
      'towline_runner_heap_used_bytes gauge',
    ],
  );
  t.match(text, /^process_resident_memory_bytes \d{7,}$/m);
});
