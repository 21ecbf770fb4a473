import { constants } from 'node:os';
import t from 'tap';
import { signalNumber } from '../../../src/kube/signals.ts';

void t.test('signals have the numbers that the system gives them', (t) => {
  for (const [name, number] of Object.entries(constants.signals)) {
    if (name !== 'SIGUNUSED') t.equal(signalNumber(name), number, name);
  }
  t.equal(signalNumber('SIGRTMIN'), 34);
  t.equal(signalNumber('SIGRTMIN+3'), 37);
  t.equal(signalNumber('SIGRTMAX-2'), 62);
  t.equal(signalNumber('SIGRTMAX-31'), undefined);
  t.equal(signalNumber('SIGNONE'), undefined);
  t.end();
});
