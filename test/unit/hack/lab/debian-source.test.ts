import t from 'tap';
import { upstreamVersion } from '../../../../hack/lab/control-plane-build.ts';
import {
  asSourceStanza,
  parseDeb822Sources,
  parseOneLineSources,
} from '../../../../hack/lab/debian-source.ts';

await t.test('sources in deb822 form become sources of source packages', (t) => {
  const stanzas = parseDeb822Sources(`# A comment
Types: deb
# http://snapshot.example/
URIs: http://a.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
Architectures: amd64

Enabled: no
Types: deb
URIs: http://off.example/
Suites: x

Types: deb deb-src
URIs: http://b.example/
Suites: y
Components: main contrib
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQ
 -----END PGP PUBLIC KEY BLOCK-----
`);
  t.same(stanzas.map(asSourceStanza), [
    `Types: deb-src
URIs: http://a.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`,
    `Types: deb-src
URIs: http://b.example/
Suites: y
Components: main contrib
Signed-By: 
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQ
 -----END PGP PUBLIC KEY BLOCK-----
`,
  ]);
  t.end();
});

await t.test('sources in one-line form do too', (t) => {
  const stanzas = parseOneLineSources(`
# deb http://commented.example/ x main
deb http://a.example/debian bookworm main contrib # why
deb [arch=amd64 signed-by=/k.gpg trusted=yes] http://b.example y/
nonsense
`);
  t.same(stanzas.map(asSourceStanza), [
    'Types: deb-src\nURIs: http://a.example/debian\nSuites: bookworm\nComponents: main contrib\n',
    'Types: deb-src\nURIs: http://b.example\nSuites: y/\nSigned-By: /k.gpg\nTrusted: yes\n',
  ]);
  t.end();
});

await t.test('what a version of Debian means upstream', (t) => {
  t.equal(upstreamVersion('1.20.5+really1.20.2-1.1+deb12u1'), '1.20.2');
  t.equal(upstreamVersion('2:1.32.3+ds-1'), '1.32.3');
  t.throws(() => upstreamVersion('unknown'), { code: 'bad-answer' });
  t.end();
});
