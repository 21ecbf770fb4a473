import { parseArgs } from 'node:util';
import { dnsLabelForm, isDnsLabel } from '../../kube/dns-label.ts';
import type { ProxyEnvironment } from '../../tunnel/proxy-environment.ts';
import { JoinError } from './errors.ts';
import { keyCredential } from './given-key.ts';
import { defaultStateDir } from './identity-dir.ts';
import { joinSite, type JoinOptions } from './join-site.ts';
import { progressAfterMs } from './limits.ts';
import { parseProviderAddresses } from './provider-address.ts';

export interface CommandIo {
  stdout: { write(text: string): unknown };
  stderr: { write(text: string): unknown };
  signal: AbortSignal;
}

const help = `Usage: towline-runner join ADDRESS --site TENANT/NAME --token TOKEN --ca-hash HASH [options]

Makes this device the one of a site. "towlinectl site create" prints the whole line.

  ADDRESS              wss://host:port of the provider; several separated by commas
  --site TENANT/NAME   namespace and name of the Site object
  --token TOKEN        the join token; it works once
  --ca-hash HASH       sha256:<hex> of the provider's CA key, which is checked before anything is sent
  --state-dir DIR      where this device keeps its identity (default ${defaultStateDir})
  --key-file FILE      join with this private key (P-256, PEM, mode 0600) instead of making one; it is not
                       copied, and "run" has to be given it, as credential ${keyCredential} or with --key-file
  --force              replace the identity that this device has
  -h, --help           show this text

HTTPS_PROXY and NO_PROXY are honoured. Afterwards "towline-runner run" connects the device.
`;

/**
 * `towline-runner join`: `argv` begins after that word; a proxy is used where the environment names
 * one (HTTPS_PROXY, NO_PROXY).
 * @returns the exit status; every failure has been told in one line.
 */
export async function joinCommand(
  argv: readonly string[],
  io: CommandIo,
  environment: ProxyEnvironment = {},
): Promise<number> {
  let progress: NodeJS.Timeout | undefined;
  try {
    const options = parseOptions(argv);
    if (options === 'help') {
      io.stdout.write(help);
      return 0;
    }
    progress = setTimeout(() => {
      const urls = options.addresses.map(({ url }) => url).join(', ');
      io.stdout.write(`waiting for the provider at ${urls} ...\n`);
    }, progressAfterMs);
    await joinSite({ ...options, environment, signal: io.signal });
    const { tenant, site, dir, keyFile } = options;
    io.stdout.write(
      keyFile === undefined
        ? `joined ${tenant}/${site}; the identity is in ${dir}. Next: towline-runner run\n`
        : `joined ${tenant}/${site}; the identity is in ${dir}, and its key stays in ${keyFile}. Next: towline-runner install --credential ${keyCredential}:PATH, or towline-runner run --key-file FILE\n`,
    );
    return 0;
  } catch (error) {
    if (!(error instanceof JoinError)) throw error;
    io.stderr.write(`towline-runner join: ${error.message}\n`);
    return 1;
  } finally {
    clearTimeout(progress);
  }
}

function parseOptions(
  argv: readonly string[],
): Omit<JoinOptions, 'signal' | 'environment'> | 'help' {
  const { values, positionals } = parseWords(argv);
  if (values.help === true) return 'help';
  const [address, ...rest] = positionals;
  if (address === undefined || rest.length > 0) {
    throw usage('give one ADDRESS, as in wss://provider.example.com:8443');
  }
  const [tenant, site, ...others] = required('--site', values.site).split('/');
  if (!tenant || !site || others.length > 0) {
    throw usage('give --site as TENANT/NAME, the namespace and the name of the Site');
  }
  for (const name of [tenant, site]) {
    if (!isDnsLabel(name)) throw usage(`--site: "${name}" is no name: it must be ${dnsLabelForm}`);
  }
  const caHash = required('--ca-hash', values['ca-hash']).toLowerCase();
  if (!/^sha256:[0-9a-f]{64}$/.test(caHash)) {
    throw usage('give --ca-hash as sha256: and 64 hexadecimal digits');
  }
  return {
    addresses: parseProviderAddresses(address),
    tenant,
    site,
    token: required('--token', values.token),
    caHash,
    dir: values['state-dir'] ?? defaultStateDir,
    force: values.force ?? false,
    keyFile: values['key-file'],
  };
}

type Words = ReturnType<typeof parseArgs<{ options: typeof optionTypes; allowPositionals: true }>>;

const optionTypes = {
  site: { type: 'string' },
  token: { type: 'string' },
  'ca-hash': { type: 'string' },
  'state-dir': { type: 'string' },
  'key-file': { type: 'string' },
  force: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

function parseWords(argv: readonly string[]): Words {
  try {
    return parseArgs({ args: [...argv], options: optionTypes, allowPositionals: true });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.split('. ')[0] : String(cause);
    throw usage(why ?? 'the command line cannot be read', cause);
  }
}

function required(name: string, value: string | undefined): string {
  if (value !== undefined && value !== '') return value;
  throw usage(`${name} is missing`);
}

function usage(what: string, cause?: unknown): JoinError {
  return new JoinError('USAGE', `${what}; see towline-runner join --help`, { cause });
}
