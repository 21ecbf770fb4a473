import { parseDuration } from '../../kube/duration.ts';
import { KubeRuleError } from '../../kube/kube-rule-error.ts';
import {
  parseAmount,
  parseThresholds,
  signals,
  type Signal,
  type Threshold,
} from './thresholds.ts';

/** What `--eviction-soft`, `--eviction-soft-grace-period` and so on say; '' for nothing. */
export interface EvictionTexts {
  readonly hard: string;
  readonly soft: string;
  readonly softGracePeriod: string;
  readonly minimumReclaim: string;
}

export interface EvictionThresholds {
  readonly hard: readonly Threshold[];
  readonly soft: readonly Threshold[];
}

/**
 * Thresholds from a kubelet's four options. Returns a phrase, with the option's name, that says what is
 * wrong with one.
 * Source: kubelet, pkg/kubelet/eviction/helpers.go, ParseThresholdConfig.
 */
export function parseEviction(texts: EvictionTexts): EvictionThresholds | string {
  const hard = parseThresholds(texts.hard);
  if (typeof hard === 'string') return `--eviction-hard: ${hard}`;
  const soft = parseThresholds(texts.soft);
  if (typeof soft === 'string') return `--eviction-soft: ${soft}`;
  const graces = bySignal(texts.softGracePeriod, graceOf, 'no duration such as 1m30s');
  if (typeof graces === 'string') return `--eviction-soft-grace-period: ${graces}`;
  const reclaims = bySignal(
    texts.minimumReclaim,
    parseAmount,
    'neither a quantity nor a percentage',
  );
  if (typeof reclaims === 'string') return `--eviction-minimum-reclaim: ${reclaims}`;
  const without = soft.find(({ signal }) => !graces.has(signal));
  if (without !== undefined) {
    return `--eviction-soft: ${without.signal} needs a grace in --eviction-soft-grace-period`;
  }
  const complete = (threshold: Threshold): Threshold => {
    const minReclaim = reclaims.get(threshold.signal);
    return minReclaim === undefined ? threshold : { ...threshold, minReclaim };
  };
  return {
    hard: hard.map(complete),
    soft: soft.map((each) => complete({ ...each, graceMs: graces.get(each.signal) ?? 0 })),
  };
}

/** `memory.available=30s,nodefs.available=1m`. Returns a phrase that says what is wrong. */
function bySignal<T>(
  text: string,
  parse: (value: string) => T | undefined,
  wrong: string,
): Map<Signal, T> | string {
  const values = new Map<Signal, T>();
  for (const part of text === '' ? [] : text.split(',')) {
    const [name = '', ...rest] = part.split('=').map((each) => each.trim());
    const signal = signals.find((each) => each === name);
    if (signal === undefined) return `"${name}" is none of ${signals.join(', ')}`;
    if (values.has(signal)) return `${signal} comes twice`;
    const value = parse(rest.join('='));
    if (value === undefined) return `"${rest.join('=')}" is ${wrong}`;
    values.set(signal, value);
  }
  return values;
}

function graceOf(text: string): number | undefined {
  try {
    const graceMs = parseDuration(text);
    return graceMs < 0 ? undefined : graceMs;
  } catch (error) {
    if (error instanceof KubeRuleError) return undefined;
    throw error;
  }
}
