import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import t from 'tap';
import { FileKey } from '../../../../src/edge-runner/join/device-key.ts';
import { DeviceKeySource } from '../../../../src/edge-runner/store/store-key.ts';

void t.test('one device key gives one key for each purpose', (t) => {
  const { pem } = FileKey.generate();
  const key = new DeviceKeySource(pem).derive('store');
  t.equal(key.length, 32);
  t.same(new DeviceKeySource(pem).derive('store'), key);
  t.notSame(new DeviceKeySource(pem).derive('other'), key);
  t.notSame(new DeviceKeySource(FileKey.generate().pem).derive('store'), key);
  t.end();
});

void t.test('it is the key that counts, not how it is written down', (t) => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const sec1 = privateKey.export({ type: 'sec1', format: 'pem' }).toString();
  t.same(
    new DeviceKeySource(sec1).derive('store'),
    new DeviceKeySource(new FileKey(createPrivateKey(sec1)).pem).derive('store'),
  );
  t.end();
});

void t.test('it is a fixed function: HKDF-SHA256 of the scalar, "towline/v1/PURPOSE"', (t) => {
  const pem = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgevZzL1gdAFr88hb2
OF/2NxApJCzGCEDdfSp6VQO30hyhRANCAAQRWz+jn65BtOMvdyHKcvjBeBSDZH2r
1RTwjmYSi9R/zpBnuQ4EiMnCqfMPWiZqB4QdbAd0E7oH50VpuZ1P087G
-----END PRIVATE KEY-----
`;
  t.equal(
    Buffer.from(new DeviceKeySource(pem).derive('store')).toString('hex'),
    '19c4f0d2fbdef9b48355600fd75dcbfbd76fc4586c6d12b041028930c3d9a543',
  );
  t.end();
});
