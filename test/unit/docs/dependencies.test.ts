import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { codeIn, readPage, root, sectionsOf } from './markdown.ts';

interface Package {
  version?: string;
  integrity?: string;
  dev?: boolean;
  devOptional?: boolean;
  hasInstallScript?: boolean;
  dependencies?: Record<string, string>;
}

type Names = Record<string, string>;

const manifest = json('package.json') as Record<
  'dependencies' | 'devDependencies' | 'optionalDependencies' | 'scripts',
  Names
>;
const { packages } = json('package-lock.json') as { packages: Record<string, Package> };
const page = readPage('decisions/0022-dependencies.md');
const direct = {
  ...manifest.dependencies,
  ...manifest.optionalDependencies,
  ...manifest.devDependencies,
};
const installed = Object.entries(packages).filter(([path]) => path !== '');
const inProduction = installed.filter(([, { dev, devOptional }]) => !dev && !devOptional);

void t.test('every package that is named has its reason, and what it brings along', (t) => {
  const rows = sectionsOf(page).find(({ heading }) => heading === 'Choice')?.rows ?? [];
  const documented = rows.map(([name = '', , brings = '']) => [codeIn(name), Number(brings)]);
  const counted = Object.keys(direct).map((name) => [name, closure(name).size]);
  t.same(documented.sort(), counted.sort());
  for (const [name = '', where = '', , why = ''] of rows) t.ok(where !== '' && why !== '', name);
  t.match(page, `**${inProduction.length} packages**`);
  t.end();
});

void t.test('versions are exact, and what is fetched has a hash', (t) => {
  for (const [name, version] of Object.entries(direct)) t.match(version, /^\d+\.\d+\.\d+$/, name);
  const unhashed = installed.filter(([, { integrity }]) => integrity === undefined);
  t.same(
    unhashed.map(([path]) => path),
    [],
  );
  t.match(readFileSync(join(root, '.npmrc'), 'utf8'), /^ignore-scripts=true$/m);
  t.end();
});

const npm = await promisify(execFile)('npm', ['--version']);
const skip = Number.parseInt(npm.stdout, 10) < 10 && 'this npm is too old to know sbom';

void t.test('the bill of materials has all that is installed', { skip }, async (t) => {
  const script = manifest.scripts['sbom'] ?? '';
  const { stdout } = await promisify(execFile)('sh', ['-c', script], {
    ...{ cwd: root, maxBuffer: 16 * 1024 ** 2 },
  });
  const bom = JSON.parse(stdout) as {
    bomFormat: string;
    components: { name: string; version: string }[];
  };
  t.equal(bom.bomFormat, 'CycloneDX');
  const listed = new Set(bom.components.map(({ name, version }) => `${name}@${version}`));
  const needed = Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })
    .flatMap((name) => [...closure(name)])
    .map((path) => [path.slice(path.lastIndexOf('node_modules/') + 13), packages[path]?.version])
    .filter(([name = '']) => !(name in manifest.devDependencies));
  t.ok(needed.length > 100);
  t.same(
    needed
      .map(([name, version]) => `${name ?? ''}@${version ?? ''}`)
      .filter((id) => !listed.has(id)),
    [],
  );
});

/** Paths of a package and all that it needs, as npm resolves them. */
function closure(name: string, from = '', seen = new Set<string>()): Set<string> {
  const path = resolve(name, from);
  if (path === undefined || seen.has(path)) return seen;
  seen.add(path);
  for (const dependency of Object.keys(packages[path]?.dependencies ?? {})) {
    closure(dependency, path, seen);
  }
  return seen;
}

function resolve(name: string, from: string): string | undefined {
  const path = from === '' ? `node_modules/${name}` : `${from}/node_modules/${name}`;
  if (path in packages) return path;
  if (from === '') return undefined;
  return resolve(name, from.slice(0, Math.max(0, from.lastIndexOf('/node_modules/'))));
}

function json(file: string): unknown {
  return JSON.parse(readFileSync(join(root, file), 'utf8'));
}
