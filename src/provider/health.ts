/** What a probe of the provider is told. */
export interface Health {
  readonly status: 200 | 503;
  readonly text: string;
}

/** Paths at which `healthAt` answers. */
export const healthPaths = ['/healthz', '/readyz'] as const;

/** That the process lives (`/healthz`), and whether it takes sites (`/readyz`): `notReady` says why not. */
export function healthAt(
  path: (typeof healthPaths)[number],
  notReady: () => string | undefined,
): Health {
  const reason = path === '/readyz' ? notReady() : undefined;
  return { status: reason === undefined ? 200 : 503, text: `${reason ?? 'ok'}\n` };
}
