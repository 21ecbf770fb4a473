/** The name that a node shows as its OS image, from the text of `os-release` (os-release(5)). */
export function parseOsImage(osRelease: string): string {
  const values = new Map<string, string>();
  for (const line of osRelease.split('\n')) {
    const [, key, value] = /^\s*([A-Z0-9_]+)=(.*?)\s*$/.exec(line) ?? [];
    if (key !== undefined && value !== undefined) values.set(key, unquote(value));
  }
  const nameAndVersion = `${values.get('NAME') ?? ''} ${values.get('VERSION') ?? ''}`.trim();
  return values.get('PRETTY_NAME') ?? (nameAndVersion === '' ? 'Linux' : nameAndVersion);
}

function unquote(value: string): string {
  const [, quote, inner = ''] = /^(["'])(.*)\1$/.exec(value) ?? [];
  if (quote === undefined) return value;
  return quote === '"' ? inner.replaceAll(/\\([\\"$`])/g, '$1') : inner;
}
