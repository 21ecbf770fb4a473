/** Certificate chain and private key, PEM. */
export interface KeyPairPem {
  certificate: string;
  privateKey: string;
}
