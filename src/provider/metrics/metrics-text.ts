/** One figure, in the words of Prometheus. */
export interface Metric {
  readonly name: string;
  readonly type: 'gauge' | 'counter';
  readonly help: string;
  /** A value, or one for each value of a label. */
  readonly values:
    number | { readonly label: string; readonly of: Readonly<Record<string, number>> };
}

/** Figures in Prometheus' text format, version 0.0.4. Labels' values must be plain words. */
export function metricsText(metrics: readonly Metric[]): string {
  return metrics
    .flatMap(({ name, type, help, values }) => [
      `# HELP ${name} ${help}`,
      `# TYPE ${name} ${type}`,
      ...(typeof values === 'number'
        ? [`${name} ${values}`]
        : Object.entries(values.of).map(
            ([value, number]) => `${name}{${values.label}="${value}"} ${number}`,
          )),
    ])
    .map((line) => `${line}\n`)
    .join('');
}
