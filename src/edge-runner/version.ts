/** Version of this runner, as in package.json; a test holds them together. */
export const runnerVersion = '0.1.0';
