import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run, runChecked } from './command.ts';
import { LabError } from './lab-error.ts';
import { aptEnvironment } from './packages.ts';

/**
 * Access to Debian's source packages by apt's own means, which verify signatures and hashes, under a
 * configuration of our own: the machine's apt configuration and lists stay as they are.
 */
export interface SourceApt {
  /** The newest version of a source package. */
  version(source: string): Promise<string>;
  /** Downloads a source package into `into` and gives the path of its .dsc file. */
  download(source: string, version: string, into: string): Promise<string>;
}

/** One entry of apt's sources, in the fields of sources.list(5)'s deb822 form. */
export type SourceStanza = ReadonlyMap<string, string>;

/**
 * Makes a private apt configuration in `dir`, with the machine's own Debian archives as sources of
 * source packages, and fetches their lists.
 *
 * @throws LabError `not-found` when the machine has no Debian archive among its sources,
 *   `command-failed` with apt's own words.
 */
export async function openSourceApt(dir: string, signal?: AbortSignal): Promise<SourceApt> {
  const parts = join(dir, 'sources.d');
  await mkdir(parts, { recursive: true });
  await mkdir(join(dir, 'lists', 'partial'), { recursive: true });
  const uris = await debianUris(signal);
  const stanzas = (await machineStanzas()).filter((stanza) => isDebian(stanza, uris));
  if (stanzas.length === 0) {
    throw new LabError('not-found', 'none of the apt sources of this machine is a Debian archive');
  }
  await writeFile(join(parts, 'source.sources'), stanzas.map(asSourceStanza).join('\n'));
  const options = aptOptions(dir, parts);
  const apt = (command: string, args: readonly string[], cwd?: string): Promise<string> =>
    runChecked(command, [...options, ...args], {
      env: aptEnvironment(),
      ...(cwd !== undefined && { cwd }),
      ...(signal && { signal }),
    });
  await apt('apt-get', ['update', '-q', '--error-on=any']);
  return {
    version: async (source) => {
      const text = await apt('apt-cache', ['showsrc', '--only-source', source]);
      const versions = [...text.matchAll(/^Version: (.+)$/gm)].map((match) => match[1] ?? '');
      return newest(versions, signal);
    },
    download: async (source, version, into) => {
      await apt('apt-get', ['source', '-q', '--download-only', `${source}=${version}`], into);
      const dsc = (await readdir(into)).find((name) => name.endsWith('.dsc'));
      if (dsc === undefined) {
        throw new LabError('bad-answer', `apt downloaded ${source} ${version} without a .dsc file`);
      }
      return join(into, dsc);
    },
  };
}

/** Reads a file of apt sources in deb822 form (`.sources`); stanzas that are switched off are left out. */
export function parseDeb822Sources(text: string): SourceStanza[] {
  return text
    .split(/\n(?:[ \t]*\n)+/)
    .map(parseStanza)
    .filter(
      (stanza) => stanza.has('uris') && !/^(no|false|0|off)$/i.test(stanza.get('enabled') ?? ''),
    );
}

/** Reads a file of apt sources in the one-line form (`.list`): `deb [option=value …] uri suite component…`. */
export function parseOneLineSources(text: string): SourceStanza[] {
  const stanzas: SourceStanza[] = [];
  for (const line of text.split('\n')) {
    const match = /^\s*deb(?:-src)?\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)([^#]*)/.exec(line);
    if (match === null) {
      continue;
    }
    const [, options = '', uri = '', suite = '', components = ''] = match;
    const stanza = new Map([
      ['uris', uri],
      ['suites', suite],
      ['components', components.trim()],
    ]);
    for (const option of options.trim().split(/\s+/)) {
      const [name = '', value = ''] = option.split('=');
      if (name === 'signed-by' || name === 'trusted') {
        stanza.set(name, value);
      }
    }
    stanzas.push(stanza);
  }
  return stanzas;
}

/** The same archive as a source of source packages, in deb822 form. */
export function asSourceStanza(stanza: SourceStanza): string {
  const names: Record<string, string> = {
    uris: 'URIs',
    suites: 'Suites',
    components: 'Components',
    'signed-by': 'Signed-By',
    trusted: 'Trusted',
  };
  const fields = Object.entries(names)
    .filter(([key]) => (stanza.get(key) ?? '') !== '')
    .map(([key, name]) => `${name}: ${stanza.get(key) ?? ''}\n`);
  return `Types: deb-src\n${fields.join('')}`;
}

function parseStanza(text: string): SourceStanza {
  const fields = new Map<string, string>();
  let last = '';
  for (const line of text.split('\n')) {
    if (line.startsWith('#')) {
      continue;
    }
    if (/^[ \t]/.test(line)) {
      fields.set(last, `${fields.get(last) ?? ''}\n${line}`);
      continue;
    }
    const colon = line.indexOf(':');
    if (colon > 0) {
      last = line.slice(0, colon).toLowerCase();
      fields.set(last, line.slice(colon + 1).trim());
    }
  }
  return fields;
}

/** Which archives are Debian's: apt knows it from the signed Release files. */
async function debianUris(signal?: AbortSignal): Promise<Set<string>> {
  const text = await runChecked(
    'apt-get',
    ['indextargets', '--format', '$(REPO_URI)', 'Created-By: Packages', 'Origin: Debian'],
    { env: aptEnvironment(), ...(signal && { signal }) },
  );
  return new Set(
    text
      .split('\n')
      .filter((line) => line !== '')
      .map(withoutSlash),
  );
}

async function machineStanzas(): Promise<SourceStanza[]> {
  const parts = '/etc/apt/sources.list.d';
  const names = await readdir(parts).catch(() => []);
  const files = ['/etc/apt/sources.list', ...names.map((name) => join(parts, name))];
  const stanzas: SourceStanza[] = [];
  for (const file of files) {
    const text = await readFile(file, 'utf8').catch(() => '');
    if (file.endsWith('.list')) {
      stanzas.push(...parseOneLineSources(text));
    } else if (file.endsWith('.sources')) {
      stanzas.push(...parseDeb822Sources(text));
    }
  }
  return stanzas;
}

function isDebian(stanza: SourceStanza, uris: ReadonlySet<string>): boolean {
  const own = (stanza.get('uris') ?? '').split(/\s+/);
  return own.some((uri) => uris.has(withoutSlash(uri)));
}

function withoutSlash(uri: string): string {
  return uri.replace(/\/+$/, '');
}

function aptOptions(dir: string, parts: string): string[] {
  const settings = {
    'Dir::Etc::sourcelist': '/dev/null',
    'Dir::Etc::sourceparts': parts,
    'Dir::State::lists': join(dir, 'lists'),
    'Dir::Cache::pkgcache': '',
    'Dir::Cache::srcpkgcache': '',
    // The download runs as root: the folder belongs to nobody else, and the content is verified.
    'APT::Sandbox::User': 'root',
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
}

async function newest(versions: readonly string[], signal?: AbortSignal): Promise<string> {
  let best = versions[0];
  if (best === undefined) {
    throw new LabError('not-found', 'the Debian archive has no such source package');
  }
  for (const version of versions.slice(1)) {
    const comparison = await isGreater(version, best, signal);
    best = comparison ? version : best;
  }
  return best;
}

async function isGreater(left: string, right: string, signal?: AbortSignal): Promise<boolean> {
  const result = await run('dpkg', ['--compare-versions', left, 'gt', right], {
    ...(signal && { signal }),
  });
  return result.code === 0;
}
