/** Which room may import which: see docs/architecture.md. */
const rooms = {
  'src/provider': ['src/provider', 'src/tunnel', 'src/protocol', 'src/kube'],
  'src/edge-runner': ['src/edge-runner', 'src/tunnel', 'src/protocol', 'src/kube'],
  'src/tunnel': ['src/tunnel'],
  'src/protocol': ['src/protocol', 'src/kube'],
  'src/kube': ['src/kube'],
  'src/cli': ['src/cli', 'src/protocol', 'src/kube'],
};

const libraries = {
  'src/edge-runner': ['ws', 'pbf', 'pino', 'valibot', 'yaml'],
  'src/tunnel': ['ws'],
  'src/protocol': ['valibot'],
  'src/kube': [],
};

export default {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    ...Object.entries(rooms).map(([room, allowed]) => ({
      name: `${room.slice('src/'.length)}-imports`,
      severity: 'error',
      from: { path: `^${room}/` },
      to: { path: '^(src|test|hack|bench)/', pathNot: `^(${allowed.join('|')})/` },
    })),
    ...Object.entries(libraries).map(([room, allowed]) => ({
      name: `${room.slice('src/'.length)}-libraries`,
      comment: 'The device pays for every library in memory; see docs/decisions.',
      severity: 'error',
      from: { path: `^${room}/` },
      to: {
        dependencyTypes: ['npm', 'npm-dev', 'npm-optional', 'npm-no-pkg'],
        pathNot: allowed.length > 0 ? `^node_modules/(@types/)?(${allowed.join('|')})/` : '^$',
      },
    })),
    {
      name: 'pure-kubernetes-rules',
      comment: 'src/kube holds pure functions: no I/O.',
      severity: 'error',
      from: { path: '^src/kube/' },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?(crypto|util|buffer)$' },
    },
    {
      name: 'not-to-unresolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts', '.js', '.mjs'] },
  },
};
