import t from 'tap';
import { storyLine } from '../../../hack/tap-story.ts';

const tap = `TAP version 14
# Subtest: a disk that is full
    # the disk is filled
    ok 1 - the node says so
    not ok 2 - and is ready
      ---
      at: here
      ...
    # Subtest: within
        ok 1 - deep
        1..1
    ok 3 - within # time=1ms
    ok 4 - not here # SKIP no disk
    1..4
not ok 1 - a disk that is full # time=2ms

1..1
# { total: 4, pass: 2, fail: 1, skip: 1 }
# time=3ms
`;

void t.test('of what a test says a person gets what was done and seen', (t) => {
  const story = tap.split('\n').flatMap((line) => storyLine(line) ?? []);
  t.same(story, [
    'a disk that is full',
    '    · the disk is filled',
    '    ok the node says so',
    '    FAILED and is ready',
    '    within',
    '        ok deep',
  ]);
  t.end();
});
