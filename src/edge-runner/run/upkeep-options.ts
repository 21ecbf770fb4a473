import { parseDuration } from '../../kube/duration.ts';
import { parseQuantity, quantityToBytes } from '../../kube/quantity.ts';
import { KubeRuleError } from '../../kube/kube-rule-error.ts';
import { RunnerError } from '../errors.ts';
import { maxParallelPulls } from '../limits.ts';
import { maxPodGraceLimitSeconds, pressureTransitionMs } from '../eviction/limits.ts';
import { parseEviction, type EvictionThresholds } from '../eviction/eviction-options.ts';
import { defaultEvictionHard, type Threshold } from '../eviction/thresholds.ts';
import { imageHighPercent, imageLowPercent, maxLogBytes, maxLogFiles } from '../garbage/limits.ts';

/** How the device is kept from filling up; names and defaults are a kubelet's. */
export interface UpkeepOptions {
  logMaxBytes: number;
  logMaxFiles: number;
  images: { highPercent: number; lowPercent: number; maxParallelPulls: number };
  evictionHard: readonly Threshold[];
  evictionSoft: readonly Threshold[];
  /** The longest grace of a pod that goes for a soft threshold; its own when undefined. */
  evictionMaxPodGraceSeconds: number | undefined;
  pressureTransitionMs: number;
  /** Quantities of cpu, memory and ephemeral-storage. */
  systemReserved: Readonly<Record<string, string>>;
}

export const upkeepHelp = `
How the device is kept in order, as a kubelet's options of these names:
  --container-log-max-size QUANTITY    a larger log is rotated (default 10Mi)
  --container-log-max-files N          log files kept of a container (default ${maxLogFiles})
  --max-parallel-image-pulls N         images pulled at a time, 1 for one after the other (default ${maxParallelPulls})
  --image-gc-high-threshold PERCENT    a disk so full has unused images removed (default ${imageHighPercent})
  --image-gc-low-threshold PERCENT     until it is only so full (default ${imageLowPercent})
  --eviction-hard THRESHOLDS           pods are evicted when less is left; '' for never (default
                                       ${defaultEvictionHard})
  --eviction-soft THRESHOLDS           the same, but only after a grace (default none)
  --eviction-soft-grace-period GRACES  how long each of these must last: memory.available=1m30s
  --eviction-max-pod-grace-period SECONDS
                                       how long a pod that goes for a soft threshold may take to end; -1
                                       for its own grace (default 0)
  --eviction-minimum-reclaim AMOUNTS   how much more than a threshold is freed once it was crossed:
                                       nodefs.available=500Mi (default none)
  --eviction-pressure-transition-period DURATION
                                       how long pressure is reported after it was seen (default 5m)
  --system-reserved QUANTITIES         kept from pods: cpu=100m,memory=64Mi,ephemeral-storage=1Gi (default none)
`;

export const upkeepOptionTypes = {
  'container-log-max-size': { type: 'string' },
  'container-log-max-files': { type: 'string' },
  'max-parallel-image-pulls': { type: 'string' },
  'image-gc-high-threshold': { type: 'string' },
  'image-gc-low-threshold': { type: 'string' },
  'eviction-hard': { type: 'string' },
  'eviction-soft': { type: 'string' },
  'eviction-soft-grace-period': { type: 'string' },
  'eviction-max-pod-grace-period': { type: 'string' },
  'eviction-minimum-reclaim': { type: 'string' },
  'eviction-pressure-transition-period': { type: 'string' },
  'system-reserved': { type: 'string' },
} as const;

type Values = { readonly [Name in keyof typeof upkeepOptionTypes]?: string | undefined };

/** @throws RunnerError `USAGE` */
export function parseUpkeepOptions(values: Values): UpkeepOptions {
  const number = (flag: keyof Values, fallback: number, bounds: [number, number]): number => {
    const text = values[flag];
    return text === undefined ? fallback : wholeNumber(flag, text, bounds);
  };
  const logSize = values['container-log-max-size'];
  const { hard, soft } = eviction(values);
  const options = {
    logMaxBytes: logSize === undefined ? maxLogBytes : bytes('container-log-max-size', logSize),
    logMaxFiles: number('container-log-max-files', maxLogFiles, [2, 1000]),
    images: {
      highPercent: number('image-gc-high-threshold', imageHighPercent, [0, 100]),
      lowPercent: number('image-gc-low-threshold', imageLowPercent, [0, 100]),
      maxParallelPulls: number('max-parallel-image-pulls', maxParallelPulls, [1, 100]),
    },
    ...{ evictionHard: hard, evictionSoft: soft },
    evictionMaxPodGraceSeconds: maxPodGrace(values['eviction-max-pod-grace-period'] ?? '0'),
    pressureTransitionMs: transition(values['eviction-pressure-transition-period']),
    systemReserved: reserved(values['system-reserved'] ?? ''),
  };
  const { highPercent, lowPercent } = options.images;
  if (lowPercent >= highPercent) {
    throw usage(
      `--image-gc-low-threshold: ${lowPercent} must be below --image-gc-high-threshold, ${highPercent}`,
    );
  }
  return options;
}

function eviction(values: Values): EvictionThresholds {
  const parsed = parseEviction({
    hard: values['eviction-hard'] ?? defaultEvictionHard,
    soft: values['eviction-soft'] ?? '',
    softGracePeriod: values['eviction-soft-grace-period'] ?? '',
    minimumReclaim: values['eviction-minimum-reclaim'] ?? '',
  });
  if (typeof parsed !== 'string') return parsed;
  throw usage(parsed);
}

function maxPodGrace(text: string): number | undefined {
  if (/^-\d+$/.test(text)) return undefined;
  return wholeNumber('eviction-max-pod-grace-period', text, [0, maxPodGraceLimitSeconds]);
}

function transition(text: string | undefined): number {
  if (text === undefined) return pressureTransitionMs;
  try {
    const durationMs = parseDuration(text);
    if (durationMs >= 0) return durationMs;
  } catch (error) {
    if (!(error instanceof KubeRuleError)) throw error;
  }
  throw usage(`--eviction-pressure-transition-period: "${text}" is no duration such as 5m`);
}

function reserved(text: string): Record<string, string> {
  const quantities: Record<string, string> = {};
  for (const part of text === '' ? [] : text.split(',')) {
    const [, resource = '', quantity = ''] = /^([^=]+)=(.+)$/.exec(part) ?? [];
    if (!reservable.includes(resource) || !isQuantity(quantity)) {
      throw usage(
        `--system-reserved: "${part}" is not one of ${reservable.join(', ')} with a quantity, as in memory=64Mi`,
      );
    }
    quantities[resource] = quantity;
  }
  return quantities;
}

const reservable = ['cpu', 'memory', 'ephemeral-storage'];

function isQuantity(text: string): boolean {
  try {
    return parseQuantity(text) >= 0n;
  } catch (error) {
    if (error instanceof KubeRuleError) return false;
    throw error;
  }
}

function wholeNumber(flag: string, text: string, [min, max]: [number, number]): number {
  const number = /^\d+$/.test(text) ? Number(text) : NaN;
  if (number >= min && number <= max) return number;
  throw usage(`--${flag}: "${text}" is no whole number from ${min} to ${max}`);
}

function bytes(flag: string, text: string): number {
  if (isQuantity(text) && quantityToBytes(text) > 0) return quantityToBytes(text);
  throw usage(`--${flag}: "${text}" is no size such as 10Mi`);
}

function usage(message: string): RunnerError {
  return new RunnerError('USAGE', message);
}
