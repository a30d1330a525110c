import type { Environment } from '../env.js';
import { issuerAlgorithms, JWTAuthProvider, secretAlgorithms } from './jwt-auth-provider.js';
import { type Algorithm, algorithms } from './verification-key.js';

/** The provider of this server, from its settings. */
export function createAuthProvider(env: Environment): JWTAuthProvider {
  /** What tokens are signed with: a secret of 32 bytes or more (HS256), or a public key as PEM or JWK. */
  const secret = env.secret('JWT_SECRET');
  /** Where the issuer publishes its keys, instead of a secret. Needs JWT_ISSUER and JWT_AUDIENCE. */
  const jwksUrl = env.text('JWT_JWKS_URL', '');
  /**
   * Signature algorithms that are accepted: those of secrets (HS256) or of public keys (RS256, ES256), not both.
   * Without JWT_JWKS_URL the default is HS256.
   */
  const accepted = env.list<Algorithm>(
    'JWT_ALGORITHMS',
    jwksUrl ? issuerAlgorithms : secretAlgorithms,
    algorithms,
  );
  /** Who tokens must be from (`iss`). Clients that do OAuth are sent there. */
  const issuer = env.text('JWT_ISSUER', '');
  /** Whom tokens must be for: one of these has to be in `aud`. */
  const audience = [...env.texts('JWT_AUDIENCE', [])];
  /** Seconds that this machine's clock and the issuer's may differ. */
  const clockToleranceSeconds = env.wholeNumber('JWT_CLOCK_TOLERANCE_SECONDS', 0, { min: 0, max: 300 });
  /** The header that carries the token. */
  const headerName = env.headerName('AUTH_HEADER', 'Authorization');

  return env.make(
    () =>
      new JWTAuthProvider({
        secret,
        algorithms: accepted,
        headerName,
        clockToleranceSeconds,
        ...(jwksUrl && { jwksUrl }),
        ...(issuer && { issuer }),
        ...(audience.length > 0 && { audience }),
      }),
  );
}
