import { Command, CommanderError } from 'commander';
import { retireCa, rotateCa, showCa, type CaFlags } from './ca-commands.ts';
import { CliError } from './errors.ts';
import type { CliIo } from './output.ts';
import { revokeSite, type RevokeFlags } from './revoke-site.ts';
import { deleteSite, type DeleteFlags } from './delete-site.ts';
import { createSite, listSites, renewToken } from './site-commands.ts';
import type { ListFlags, TokenFlags } from './site-commands.ts';
import type { SiteFlags } from './site-object.ts';
import { cliVersion } from './version.ts';

/**
 * Runs towlinectl. `invokedAs` is the name of the file that was called: `kubectl-towline` is the
 * plugin `kubectl towline`.
 * @returns the exit status; every failure has been told in one line.
 */
export async function runProgram(
  argv: readonly string[],
  invokedAs: string,
  io: CliIo,
): Promise<number> {
  const name = /^kubectl-towline(\.|$)/.test(invokedAs) ? 'kubectl towline' : 'towlinectl';
  try {
    await createProgram(name, io).parseAsync([...argv], { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode;
    if (!(error instanceof CliError)) throw error;
    io.stderr.write(`${name}: ${oneLine(error.message)}\n`);
    return 1;
  }
}

function createProgram(name: string, io: CliIo): Command {
  const program = new Command(name)
    .description('Manages the edge sites of a cluster.')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: (text) => {
        const problem = oneLine(text).replace(/^error: |\.$/g, '');
        io.stderr.write(`${name}: ${problem}; see ${name} --help\n`);
      },
    })
    .showSuggestionAfterError();
  const site = program
    .command('site')
    .description('create, list, revoke and delete sites, and let devices join them');
  addCreate(site, io);
  addToken(site, io);
  addList(site, io);
  addRevoke(site, io);
  addDelete(site, io);
  addCa(program.command('ca').description("show and roll the provider's CA"), io);
  program
    .command('version')
    .description('show the version of this program')
    .action(() => {
      io.stdout.write(`${name} ${cliVersion}\n`);
    });
  return program;
}

function addCreate(site: Command, io: CliIo): void {
  withProvider(withCluster(site.command('create').argument('<name>', 'name of the site')))
    .description('create a site and print the line with which its device joins')
    .option('--node-label <key=value>', 'label for its node; may be repeated', collect, [])
    .option('--taint <key=value:effect>', 'taint for its node, instead of the default', collect, [])
    .option('--no-taint', 'leave its node without a taint: any pod may be placed there')
    .action((name: string, _options, command: Command) =>
      createSite(name, command.opts<TokenFlags & SiteFlags>(), io),
    );
}

function addToken(site: Command, io: CliIo): void {
  withProvider(withCluster(site.command('token').argument('<name>', 'name of the site')))
    .description('make a new join token for a site and print the line with which a device joins')
    .action((name: string, _options, command: Command) =>
      renewToken(name, command.opts<TokenFlags>(), io),
    );
}

function addList(site: Command, io: CliIo): void {
  withCluster(site.command('list'))
    .alias('ls')
    .description('list sites, and whether they are connected')
    .option('-A, --all-namespaces', 'of all namespaces', false)
    .option('-o, --output <format>', 'table, wide, json or yaml', 'table')
    .action((_options, command: Command) => listSites(command.opts<ListFlags>(), io));
}

function addRevoke(site: Command, io: CliIo): void {
  withCluster(site.command('revoke').argument('<name>', 'name of the site'))
    .description("close a site's connection, and let its device in no more")
    .option('--every-key', 'any device, also with a certificate of another authority', false)
    .option('--undo', 'let the device that joined last in again', false)
    .action((name: string, _options, command: Command) =>
      revokeSite(name, command.opts<RevokeFlags>(), io),
    );
}

function addDelete(site: Command, io: CliIo): void {
  withCluster(site.command('delete').argument('<name>', 'name of the site'))
    .description('stop the pods of a site, then delete it and its node')
    .option('--force', 'at once, also when its device cannot be reached', false)
    .action((name: string, _options, command: Command) =>
      deleteSite(name, command.opts<DeleteFlags>(), io),
    );
}

function addCa(ca: Command, io: CliIo): void {
  withProviderNamespace(ca.command('status'))
    .description('show the CA, and while it is rolled which sites still need the old one')
    .action((_options, command: Command) => showCa(command.opts<CaFlags>(), io));
  withProviderNamespace(ca.command('rotate'))
    .description('have the provider make a new CA; sites trust both until none needs the old one')
    .action((_options, command: Command) => rotateCa(command.opts<CaFlags>(), io));
  withProviderNamespace(ca.command('retire'))
    .description('give up the old CA at once')
    .option('--force', 'shut out the sites that have not had the new one', false)
    .action((_options, command: Command) =>
      retireCa(command.opts<CaFlags & { force: boolean }>(), io),
    );
}

function withCluster(command: Command): Command {
  return command
    .option('--kubeconfig <file>', 'kubeconfig to use, as with kubectl')
    .option('--context <name>', 'context of the kubeconfig')
    .option('-n, --namespace <name>', 'namespace of the site: its tenant');
}

function withProvider(command: Command): Command {
  return command
    .option('--token-ttl <duration>', 'how long the join token works', '1h')
    .option('-o, --output <format>', 'join (the line alone), json or yaml', 'join')
    .option(...providerNamespace)
    .option('--provider-address <address>', 'where devices reach the provider, wss://host:port')
    .option('--ca-hash <hash>', "sha256:<hex> of the provider's CA key");
}

function withProviderNamespace(command: Command): Command {
  return command
    .option('--kubeconfig <file>', 'kubeconfig to use, as with kubectl')
    .option('--context <name>', 'context of the kubeconfig')
    .option(...providerNamespace);
}

const providerNamespace = [
  '--provider-namespace <name>',
  'namespace of the provider',
  'towline-system',
] as const;

function collect(value: string, previous: unknown): string[] {
  return [...(Array.isArray(previous) ? (previous as string[]) : []), value];
}

/** What others have to say often has several lines. */
function oneLine(text: string): string {
  return text.trim().replaceAll(/\s*\n\s*/g, ' ');
}
