import t from 'tap';
import { parseRunOptions } from '../../../../src/edge-runner/run/run-options.ts';

void t.test('the defaults are a kubelet’s', (t) => {
  t.match(parseRunOptions([]), {
    upkeep: {
      logMaxBytes: 10 * 1024 * 1024,
      logMaxFiles: 5,
      images: { highPercent: 85, lowPercent: 80 },
      evictionHard: [
        { signal: 'memory.available', limit: { count: 100 * 1024 * 1024 } },
        { signal: 'nodefs.available', limit: { percent: 10 } },
        { signal: 'nodefs.inodesFree', limit: { percent: 5 } },
        { signal: 'imagefs.available', limit: { percent: 15 } },
        { signal: 'imagefs.inodesFree', limit: { percent: 5 } },
      ],
      ...{ evictionSoft: [], evictionMaxPodGraceSeconds: 0 },
      pressureTransitionMs: 300_000,
      systemReserved: {},
    },
  });
  t.end();
});

void t.test('every option is read, and a bad one is named', (t) => {
  t.match(
    parseRunOptions([
      ...['--container-log-max-size', '4Ki', '--container-log-max-files=2'],
      ...['--image-gc-high-threshold=60', '--image-gc-low-threshold=50'],
      ...['--eviction-hard=pid.available<10', '--eviction-pressure-transition-period=1s'],
      ...['--eviction-soft=pid.available<20', '--eviction-soft-grace-period=pid.available=1m'],
      ...['--eviction-max-pod-grace-period=30', '--eviction-minimum-reclaim=pid.available=5'],
      '--system-reserved=cpu=100m,memory=64Mi',
    ]),
    {
      upkeep: {
        ...{ logMaxBytes: 4096, logMaxFiles: 2, images: { highPercent: 60, lowPercent: 50 } },
        evictionHard: [{ signal: 'pid.available', limit: { count: 10 } }],
        evictionSoft: [{ limit: { count: 20 }, graceMs: 60_000, minReclaim: { count: 5 } }],
        evictionMaxPodGraceSeconds: 30,
        pressureTransitionMs: 1000,
        systemReserved: { cpu: '100m', memory: '64Mi' },
      },
    },
  );
  t.match(
    { grace: parseRunOptions(['--eviction-max-pod-grace-period=-1']) },
    { grace: { upkeep: { evictionMaxPodGraceSeconds: undefined } } },
  );
  for (const [flag, value] of [
    ['container-log-max-size', '10 MB'],
    ['container-log-max-size', '0'],
    ['container-log-max-files', '1'],
    ['image-gc-high-threshold', '101'],
    ['image-gc-low-threshold', '85'],
    ['eviction-hard', 'memory<1'],
    ['eviction-soft', 'memory.available<1'],
    ['eviction-max-pod-grace-period', 'long'],
    ['eviction-max-pod-grace-period', '86401'],
    ['eviction-minimum-reclaim', 'memory.available<1'],
    ['eviction-pressure-transition-period', 'soon'],
    ['system-reserved', 'disk=1Gi'],
    ['system-reserved', 'cpu=x'],
  ] as const) {
    t.throws(
      () => parseRunOptions([`--${flag}=${value}`]),
      { code: 'USAGE', message: new RegExp(`^--${flag}`) },
      `${flag} ${value}`,
    );
  }
  t.end();
});
