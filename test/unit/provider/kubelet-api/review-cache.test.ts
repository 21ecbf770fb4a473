import t from 'tap';
import { Authenticator } from '../../../../src/provider/kubelet-api/authenticator.ts';
import { Authorizer } from '../../../../src/provider/kubelet-api/authorizer.ts';
import { ReviewsFake } from './api-fixture.ts';

const user = { name: 'u', groups: [] };

function access(verb: string): { nodeName: string; verb: string; subresource: string } {
  return { nodeName: 'n', verb, subresource: 'proxy' };
}

void t.test('what is allowed holds five minutes, what is not half a minute', async (t) => {
  const reviews = new ReviewsFake();
  reviews.allowed.add('u get proxy');
  let now = 1;
  const authorizer = new Authorizer(reviews, () => now);
  t.equal(await authorizer.isAllowed(user, access('get')), true);
  t.equal(await authorizer.isAllowed(user, access('create')), false);
  t.equal(reviews.seen.length, 2);
  reviews.allowed.delete('u get proxy');
  reviews.allowed.add('u create proxy');
  now = 29_000;
  t.equal(await authorizer.isAllowed(user, access('create')), false);
  now = 31_000;
  t.equal(await authorizer.isAllowed(user, access('create')), true);
  now = 299_000;
  t.equal(await authorizer.isAllowed(user, access('get')), true);
  now = 301_000;
  t.equal(await authorizer.isAllowed(user, access('get')), false);
});

void t.test('other groups, another node or another user is another question', async (t) => {
  const reviews = new ReviewsFake();
  const authorizer = new Authorizer(reviews);
  await authorizer.isAllowed(user, access('get'));
  await authorizer.isAllowed({ ...user, groups: ['g'] }, access('get'));
  await authorizer.isAllowed({ ...user, name: 'v' }, access('get'));
  await authorizer.isAllowed({ ...user, extra: { scopes: ['x'] } }, access('get'));
  await authorizer.isAllowed(user, { ...access('get'), nodeName: 'm' });
  t.equal(reviews.seen.length, 5);
});

void t.test('the same question at the same time is asked once', async (t) => {
  const reviews = new ReviewsFake();
  const authorizer = new Authorizer(reviews);
  await Promise.all(Array.from({ length: 10 }, () => authorizer.isAllowed(user, access('get'))));
  t.equal(reviews.seen.length, 1);
});

void t.test('a failure is not kept', async (t) => {
  const reviews = new ReviewsFake();
  reviews.allowed.add('u get proxy');
  reviews.failure = new TypeError('down');
  const authorizer = new Authorizer(reviews);
  await t.rejects(authorizer.isAllowed(user, access('get')), { message: 'down' });
  reviews.failure = undefined;
  t.equal(await authorizer.isAllowed(user, access('get')), true);
});

void t.test('a token is asked for again after two minutes', async (t) => {
  const reviews = new ReviewsFake();
  reviews.users['tok'] = { username: 'u', groups: [] };
  let now = 1;
  const authenticator = new Authenticator(reviews, () => now);
  const presented = { certificateUser: undefined, headers: { authorization: 'bearer tok' } };
  t.same(await authenticator.authenticate(presented), {
    name: 'u',
    groups: ['system:authenticated'],
  });
  delete reviews.users['tok'];
  now = 119_000;
  t.ok(await authenticator.authenticate(presented));
  now = 121_000;
  t.equal(await authenticator.authenticate(presented), undefined);
});
