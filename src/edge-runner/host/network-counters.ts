/** What went through a network interface since it was made. */
export interface InterfaceCounters {
  readonly name: string;
  readonly rxBytes: number;
  readonly rxErrors: number;
  readonly txBytes: number;
  readonly txErrors: number;
}

/** Reads `/proc/net/dev` (proc_pid_net(5)); without the loopback. */
export function parseNetworkCounters(text: string): InterfaceCounters[] {
  const counters: InterfaceCounters[] = [];
  for (const [, name = '', numbers = ''] of text.matchAll(/^\s*([^\s:]+):\s*(.*)$/gm)) {
    if (name === 'lo') continue;
    const fields = numbers.split(/\s+/).map(Number);
    const [rxBytes = 0, , rxErrors = 0, , , , , , txBytes = 0, , txErrors = 0] = fields;
    counters.push({ name, rxBytes, rxErrors, txBytes, txErrors });
  }
  return counters;
}
