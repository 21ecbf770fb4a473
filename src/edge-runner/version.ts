/** Version of this runner, as in package.json; a test holds them together. */
export const runnerVersion = '0.1.0';

/** Set by the build of the executable; not there when the source runs as it stands. */
declare const TOWLINE_COMMIT: string | undefined;

/** What `towline-runner version` says: the version, and the commit that it was built from. */
export const runnerBuild =
  typeof TOWLINE_COMMIT === 'undefined'
    ? `${runnerVersion} (from source)`
    : `${runnerVersion} (commit ${TOWLINE_COMMIT})`;
