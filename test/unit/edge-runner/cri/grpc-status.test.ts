import t from 'tap';
import {
  decodeGrpcMessage,
  statusOf,
  statusOfHttp,
} from '../../../../src/edge-runner/cri/grpc-status.ts';

void t.test('decodes messages, and leaves alone what is not valid', (t) => {
  t.equal(decodeGrpcMessage('plain'), 'plain');
  t.equal(decodeGrpcMessage('100%25 %E2%82%AC%0A'), '100% €\n');
  t.equal(decodeGrpcMessage('50% %zz %4'), '50% %zz %4');
  t.equal(decodeGrpcMessage('x'.repeat(100_000)).length, 8192);
  t.end();
});

void t.test('names status numbers, and numbers from the future UNKNOWN', (t) => {
  t.same(statusOf({ 'grpc-status': '0' }), { code: 'OK' });
  t.match(statusOf({ 'grpc-status': '16', 'grpc-message': 'who?' }), {
    code: 'UNAUTHENTICATED',
    text: 'who?',
  });
  t.match(statusOf({ 'grpc-status': '99' }), { code: 'UNKNOWN' });
  t.equal(statusOf({}), undefined);
  t.end();
});

void t.test('maps HTTP statuses as gRPC says', (t) => {
  t.match(statusOfHttp(404), { code: 'UNIMPLEMENTED' });
  t.match(statusOfHttp(503), { code: 'UNAVAILABLE' });
  t.match(statusOfHttp(418), { code: 'UNKNOWN' });
  t.end();
});
