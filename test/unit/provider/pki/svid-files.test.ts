import { appendFileSync, writeFileSync } from 'node:fs';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import pino from 'pino';
import t, { type Test } from 'tap';
import { SvidFiles } from '../../../../src/provider/pki/svid-files.ts';
import {
  SpiffeAuthority,
  svidFiles,
  writeSvid,
} from '../../../integration/join/spiffe-authority.ts';

const id = 'spiffe://example.org/towline';
const authority = new SpiffeAuthority('spire');

interface Scene {
  dir: string;
  svid: SvidFiles;
  lines: string[];
  /** What a listener has, as a server of TLS would take it; it throws what `failures` has. */
  taken: SecureContextOptions[];
  failures: Error[];
}

async function scene(t: Test, tear?: (dir: string) => void): Promise<Scene> {
  const dir = t.testdir({});
  writeSvid(dir, authority.issue(id));
  tear?.(dir);
  const lines: string[] = [];
  const log = pino({}, { write: (line: string) => lines.push(line) });
  const svid = await SvidFiles.load({ names: svidFiles(dir), trustDomain: 'example.org', log });
  const [taken, failures]: [SecureContextOptions[], Error[]] = [[], []];
  const setSecureContext = (options: SecureContextOptions): void => {
    const failure = failures.shift();
    if (failure !== undefined) throw failure;
    createSecureContext(options);
    taken.push(options);
  };
  svid.attach({ setSecureContext }, () => ({ ca: svid.trustPem }));
  return { dir, svid, lines, taken, failures };
}

const half = '-----BEGIN CERTIFICATE-----\nMIIB';

void t.test('half a certificate behind those that fit is not handed on', async (t) => {
  const torn = (dir: string): void => {
    appendFileSync(svidFiles(dir).certificate, half);
    appendFileSync(svidFiles(dir).bundle, half);
  };
  const { dir, svid, taken } = await scene(t, torn);
  createSecureContext({ cert: svid.current.certificate, key: svid.current.privateKey });
  const before = svid.current.certificate;
  writeSvid(dir, authority.issue(id));
  torn(dir);
  await svid.look();
  t.not(svid.current.certificate, before);
  t.equal(taken.length, 1);
  writeSvid(dir, authority.issue(id));
  await svid.look();
  t.equal(taken.length, 2);
});

void t.test('what a listener refuses is left, told of once, and tried again', async (t) => {
  const { dir, svid, taken, failures, lines } = await scene(t);
  const { current: before, trusted } = svid;
  writeSvid(dir, authority.issue(id));
  failures.push(new Error('ee key too small'));
  await svid.look();
  t.same([svid.current, svid.trusted], [before, trusted]);
  t.equal(taken.at(-1)?.cert, before.certificate, 'the listener has what counts');
  failures.push(new Error('ee key too small'));
  await svid.look();
  t.equal(lines.filter((line) => line.includes('ee key too small')).length, 1);
  await svid.look();
  t.not(svid.current.certificate, before.certificate);
  t.equal(taken.at(-1)?.cert, svid.current.certificate);
  writeFileSync(svidFiles(dir).privateKey, 'none');
  await svid.look();
  t.equal(taken.at(-1)?.cert, svid.current.certificate, 'as what does not fit together');
});
