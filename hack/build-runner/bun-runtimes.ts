/** A machine that the runner is built for. `-musl` is for a system without glibc, Alpine for one. */
export type RunnerTarget = 'x64' | 'arm64' | 'x64-musl' | 'arm64-musl';

/** Where the runtime of a target comes from, and what its package must hash to. */
interface RuntimePackage {
  readonly name: string;
  /** As in a lockfile: the SHA-512 of the package, in base64. */
  readonly integrity: string;
}

/** The version of Bun that is built with and shipped. Another one wants the whole end-to-end suite. */
export const bunVersion = '1.4.5';

/** The npm package that has Bun for each target, pinned as a lockfile would. */
export const bunRuntimes: Readonly<Record<RunnerTarget, RuntimePackage>> = {
  x64: {
    name: '@oven/bun-linux-x64',
    integrity:
      'sha512-IWX9BELoGHAUtMonkeSaNaZwXzRk+oDw6Mk+HBFXd3KHYIBNBsIGRupMZPcgNoDbJpLu6gAJjIoIVPZtt1aJ1g==',
  },
  arm64: {
    name: '@oven/bun-linux-aarch64',
    integrity:
      'sha512-4BXmsSKnjOrlGWqZV4x/oWa7AVoR+B6lCXddMzOAXBIm3t50eslg9wb66gmtW1AamEQ1l1CDvmmruysEhqOWMg==',
  },
  'x64-musl': {
    name: '@oven/bun-linux-x64-musl',
    integrity:
      'sha512-10QoW/YfTgnURaGEaHpJCiXjLI2e5iTtfVDaA5JKcyUzaa1cq6cVUY9/Uq5XkYzvtRjHLRe9Oj/lTDIQcxy8HQ==',
  },
  'arm64-musl': {
    name: '@oven/bun-linux-aarch64-musl',
    integrity:
      'sha512-XCNc+WvvMAdNNb+OWTogpy+N9wm62fkVeEVLb6how0RZhW5LPi6c7BlkeVCuWps7XjEl2saFpHFa20/1E+PAHg==',
  },
};
