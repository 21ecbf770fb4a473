/** One family of metrics. */
export interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly samples: readonly Sample[];
}

export interface Sample {
  /** What follows the name of the family, in a histogram. */
  readonly suffix?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** The upper bound of a histogram's bucket: the label `le`, which comes last. */
  readonly atMost?: string;
  readonly value: number;
  /** When it was measured, in ms since 1970; absent: now. */
  readonly atMs?: number;
}

/**
 * Metrics in Prometheus' text format, version 0.0.4, labels in alphabetical order. Families without
 * samples are left out.
 */
export function renderMetrics(metrics: readonly Metric[]): string {
  return metrics
    .filter(({ samples }) => samples.length > 0)
    .map(({ name, help, type, samples }) => {
      const lines = samples.map((sample) => `${name}${sample.suffix ?? ''}${render(sample)}\n`);
      return `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n${lines.join('')}`;
    })
    .join('');
}

function render({ labels = {}, atMost, value, atMs }: Sample): string {
  const pairs = Object.entries(labels)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, text]) => `${name}="${escapeLabel(text)}"`);
  if (atMost !== undefined) pairs.push(`le="${atMost}"`);
  const set = pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
  return `${set} ${value}${atMs === undefined ? '' : ` ${Math.round(atMs)}`}`;
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}
