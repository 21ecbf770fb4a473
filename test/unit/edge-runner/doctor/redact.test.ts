import { generateKeyPairSync, randomBytes } from 'node:crypto';
import t from 'tap';
import { describeLog } from '../../../../src/edge-runner/doctor/describe-log.ts';
import { redact } from '../../../../src/edge-runner/doctor/redact.ts';

void t.test('what looks like a secret is not shown', (t) => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const secret = `${randomBytes(30).toString('base64')}aB3`;
  const jwt = `eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.${secret.replaceAll(/[+/=]/g, '_')}`;
  const lines = [
    `a ${pem} b`,
    `Authorization: Bearer ${secret}`,
    `authorization=Basic dXNlcjpwYXNz`,
    `pulling from https://user:hunter2@registry.example.com/v2/`,
    `{"password":"hunter2","n":1}`,
    `registry_password: hunter2`,
    `passwd=hunter2`,
    `client_secret: hunter2`,
    `{"authorization":"hunter2"}`,
    ...['api_key=hunter2', 'x-api-key: hunter2', `apikey='hunter2'`],
    `access_token=hunter2`,
    '-----BEGIN PRIVATE KEY-----\nhunter2==\n-----END PRIVATE KEY-----',
    'got eyJhbGciOiJub25lIn0.hunter2.',
    `towline-runner join wss://p:8443 --token hunter2 --site a/b`,
    `key ${secret}`,
    jwt,
  ];
  for (const line of lines) {
    const shown = redact(line);
    for (const canary of ['hunter2', secret, jwt, 'dXNlcjpwYXNz', pem.split('\n')[1] ?? pem]) {
      t.notOk(shown.includes(canary), shown);
    }
  }
  t.end();
});

void t.test('what helps is', (t) => {
  for (const line of [
    'not connected to the provider: connect ECONNREFUSED 10.0.0.1:8443',
    'failed to pull image "docker.io/library/busybox:1.36": not found',
    `sha256:${'ab12'.repeat(16)} cannot be unpacked`,
    'the store /var/lib/towline/store.db cannot be read',
    'pod kube-system/node-exporter-4x7b9 uid 6f1a2b3c-4d5e-6f70-8192-a3b4c5d6e7f8',
  ]) {
    t.equal(redact(line), line);
  }
  t.end();
});

void t.test(
  'of a log the last warnings and errors are shown, and lines that are none of pino',
  (t) => {
    const entry = (level: number, msg: string, more: object = {}): string =>
      JSON.stringify({ level, time: Date.UTC(2027, 0, 1), msg, ...more });
    const log = [
      entry(30, 'the runner is up'),
      entry(40, 'not connected', { code: 'PEER_SILENT' }),
      entry(50, 'failed', { err: { message: 'because', code: 'ENOSPC', stack: 'at x' } }),
      'towline-runner run: there is no identity',
      '',
    ].join('\n');
    t.same(describeLog(log).lines, [
      '2027-01-01T00:00:00.000Z warning not connected PEER_SILENT',
      '2027-01-01T00:00:00.000Z error failed ENOSPC because',
      'towline-runner run: there is no identity',
    ]);
    t.same(describeLog('').lines, ['none']);
    const telling = [entry(40, 'token=hunter2', { err: { message: 'password=hunter2' } })];
    t.notMatch(describeLog([...telling, 'secret=hunter2'].join('\n')).lines.join(), 'hunter2');
    const minute = (n: number): object => ({ time: Date.UTC(2027, 0, 1, 0, n) });
    const repeated = [
      entry(40, 'not connected', minute(0)),
      entry(40, 'a pod is evicted', minute(1)),
      ...Array.from({ length: 100 }, (_, n) => entry(40, 'not connected', minute(2 + n))),
      ...['Oops', 'Oops'],
    ];
    t.same(describeLog(repeated.join('\n')).lines, [
      '2027-01-01T00:01:00.000Z warning a pod is evicted',
      '2027-01-01T01:41:00.000Z warning not connected (101 times since 2027-01-01T00:00:00.000Z)',
      'Oops (2 times)',
    ]);
    const many = Array.from({ length: 100 }, (_, i) => entry(40, `warning ${i}`)).join('\n');
    t.equal(describeLog(many).lines.length, 40);
    t.match(describeLog(many).lines.at(-1), /warning 99$/);
    t.end();
  },
);
