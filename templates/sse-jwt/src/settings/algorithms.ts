/** The signature algorithms, by the kind of key they need (RFC 7518, section 3.1; RFC 8037). */
export const algorithmsByKey = {
  secret: ['HS256', 'HS384', 'HS512'],
  rsa: ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  'P-256': ['ES256'],
  'P-384': ['ES384'],
  'P-521': ['ES512'],
  ed25519: ['EdDSA', 'Ed25519'],
} as const;

export type Algorithm = (typeof algorithmsByKey)[keyof typeof algorithmsByKey][number];
export const algorithms: readonly Algorithm[] = Object.values(algorithmsByKey).flat();

/** The defaults: a secret is shared, an issuer's keys are public. */
export const secretAlgorithms: readonly Algorithm[] = ['HS256'];
export const issuerAlgorithms: readonly Algorithm[] = ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519'];
