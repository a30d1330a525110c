import { type Algorithm, algorithms, issuerAlgorithms, secretAlgorithms } from './algorithms.ts';
import type { Environment } from './environment.ts';

/** Which tokens let a caller in. */
export function authSettings(env: Environment) {
  const secret = env.secret(
    'JWT_SECRET',
    'What tokens are signed with: a secret of 32 bytes or more (HS256), or a public key as PEM or JWK.',
  );
  const jwksUrl = env.text(
    'JWT_JWKS_URL',
    '',
    'Where the issuer publishes its keys, instead of a secret. Needs JWT_ISSUER and JWT_AUDIENCE.',
  );
  return {
    secret,
    jwksUrl,
    algorithms: env.list(
      'JWT_ALGORITHMS',
      jwksUrl ? issuerAlgorithms : secretAlgorithms,
      new RegExp(`^(${algorithms.join('|')})$`),
      `a comma-separated list of ${algorithms.join(', ')}`,
      'Signature algorithms that tokens may have: those of secrets (HS256) or of public keys (RS256, ES256), not both.',
    ) as Algorithm[],
    issuer: env.text(
      'JWT_ISSUER',
      '',
      'Who tokens must be from (`iss`). Clients that use OAuth are sent there.',
    ),
    audience: env.list(
      'JWT_AUDIENCE',
      [],
      /./,
      'a comma-separated list of one value or more',
      'Whom tokens must be for: one of these has to be in `aud`.',
    ),
    scopes: env.list(
      'JWT_SCOPES',
      [],
      /^[!#-[\]-~]+$/, // RFC 6749, section 3.3
      'a comma-separated list of scopes such as read',
      'Scopes that clients ask the issuer for when they log in. What a tool requires, it says itself.',
    ),
    scopeClaim: env.like(
      'JWT_SCOPE_CLAIM',
      '',
      /^[\w:/.-]+$/,
      'the name of a claim such as permissions or roles',
      'The claim that lists what the caller may do, as a list or a text with blanks. Defaults to `scp`, or else `scope`.',
    ),
    callerClaim: env.like(
      'JWT_CALLER_CLAIM',
      'sub',
      /^[\w:/.-]+$/,
      'the name of a claim such as sub or email',
      'The claim that names the caller. Choose one that never passes from one person to another.',
    ),
    clockToleranceSeconds: env.wholeNumber(
      'JWT_CLOCK_TOLERANCE_SECONDS',
      0,
      { min: 0, max: 300 },
      "Seconds by which this machine's clock and the issuer's may differ.",
    ),
    headerName: env.like(
      'AUTH_HEADER',
      'Authorization',
      /^[\w-]+$/,
      'the name of a header such as X-API-Key',
      'The header that carries the token.',
    ),
  };
}
