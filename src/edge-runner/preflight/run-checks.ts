import type { Check } from './check.ts';
import { checkCgroups } from './check-cgroups.ts';
import { checkContainerd } from './check-containerd.ts';
import { checkMachine } from './check-machine.ts';
import { checkNetwork } from './check-network.ts';
import { checkStorage } from './check-storage.ts';
import type { DeviceFacts } from './device-facts.ts';

/** Judges everything that a device needs to run pods. */
export function runChecks(facts: DeviceFacts): Check[] {
  return [
    ...checkMachine(facts),
    checkCgroups(facts),
    ...checkContainerd(facts),
    ...checkNetwork(facts),
    ...checkStorage(facts),
  ];
}
