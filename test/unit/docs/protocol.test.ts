import t from 'tap';
import type { GenericSchema } from 'valibot';
import {
  joinProofText,
  joinRefusal,
  joinRequest,
  joinResponse,
} from '../../../src/protocol/join.ts';
import {
  eventReport,
  nodeReport,
  podReport,
  reportFromProvider,
  reportFromRunner,
} from '../../../src/protocol/report.ts';
import {
  protocolVersion,
  providerStreamHead,
  providerStreamReply,
  runnerStreamHead,
} from '../../../src/protocol/stream-head.ts';
import {
  desiredKinds,
  desiredObject,
  heldObject,
  syncFromProvider,
  syncFromRunner,
} from '../../../src/protocol/sync.ts';
import { digestOf } from '../../../src/protocol/digest.ts';
import { readPage } from './markdown.ts';

const page = readPage('protocol.md');

/** Where each message is described: the heading, and how that chapter ends. */
const chapters: [heading: string, schemas: unknown[]][] = [
  ['## Joining', [joinRequest, joinResponse, joinRefusal]],
  ['## Streams and their heads', [runnerStreamHead, providerStreamHead, providerStreamReply]],
  ['## Desired state', [syncFromRunner, syncFromProvider, heldObject, desiredObject]],
  ['## What happened', [reportFromRunner, reportFromProvider, nodeReport, podReport, eventReport]],
];

for (const [heading, schemas] of chapters) {
  void t.test(`the chapter "${heading}" names every field and value of its messages`, (t) => {
    const chapter = chapterOf(heading);
    const words = new Set(schemas.flatMap((schema) => wordsOf(schema as Schema)));
    t.ok(words.size > 5, 'there are words to look for');
    for (const word of words) {
      const shown = [
        `\`${word}\``,
        `.${word}\``,
        `\`"${word}"\``,
        `type: "${word}"`,
        `{type: ${word}`,
      ];
      t.ok(
        shown.some((form) => chapter.includes(form)),
        word,
      );
    }
    t.end();
  });
}

void t.test('every head has a section of its own with all its fields', (t) => {
  const heads = [...runnerStreamHead.options, ...providerStreamHead.options];
  for (const { entries } of heads) {
    const { literal } = entries.type;
    const chapter = chapterOf(`### Head \`${literal}\``);
    for (const field of Object.keys(entries)) {
      t.ok(chapter.includes(`| \`${field}\` `), `${literal}: ${field}`);
    }
  }
  t.end();
});

void t.test('the versions and the signed text are those of the source', (t) => {
  const text = joinProofText({
    tenant: 'TENANT',
    site: 'SITE',
    token: 'TOKEN',
    publicKey: 'PUBLICKEY',
  });
  t.ok(page.includes(`\`\`\`text\n${text}`), 'the signed text');
  t.ok(chapterOf('## Versions').includes(`speak version ${protocolVersion} `), 'the version');
  t.end();
});

void t.test('the digest is the one that is described', async (t) => {
  const object = {
    kind: 'Pod',
    namespace: 'shop',
    name: 'web',
    uid: 'u-1',
    version: '00ff',
  } as const;
  const other = { ...object, kind: 'ConfigMap' } as const;
  const { createHash } = await import('node:crypto');
  const lines = 'ConfigMap/shop/web/u-1/00ff\nPod/shop/web/u-1/00ff';
  t.equal(digestOf([object, other]), createHash('sha256').update(lines).digest('hex'));
  t.equal(digestOf([]), createHash('sha256').digest('hex'));
  for (const kind of desiredKinds) t.ok(chapterOf('## Desired state').includes(`\`${kind}\``));
});

/** From a heading to the next of the same or a higher level. */
function chapterOf(heading: string): string {
  const level = heading.indexOf(' ');
  const start = page.indexOf(`\n${heading}`);
  t.ok(start >= 0, `there is a chapter "${heading}"`);
  const rest = page.slice(start + heading.length);
  const end = rest.search(new RegExp(`^#{2,${level}} `, 'm'));
  return end < 0 ? rest : rest.slice(0, end);
}

/** The parts of valibot's schemas that say what a message looks like. */
interface Schema extends GenericSchema {
  entries?: Record<string, Schema>;
  options?: readonly (Schema | string)[];
  literal?: unknown;
  item?: Schema;
  wrapped?: Schema;
}

/** Names of fields, and the values that a field can only have. */
function wordsOf(schema: Schema): string[] {
  const { entries = {}, options = [], literal, item, wrapped } = schema;
  return [
    ...Object.entries(entries).flatMap(([name, field]) => [name, ...wordsOf(field)]),
    ...options.flatMap((option) => (typeof option === 'string' ? [option] : wordsOf(option))),
    ...(typeof literal === 'string' ? [literal] : []),
    ...(item === undefined ? [] : wordsOf(item)),
    ...(wrapped === undefined ? [] : wordsOf(wrapped)),
  ];
}
