/** Why a credential is refused, for the log and as a label of the metrics; clients never learn it. */
export const refusalReasons = {
  missing: 'no credential was sent',
  malformed: 'the header does not hold one credential of the expected form',
  unknown_key: 'no such key',
  key_with_id: 'the key was sent with its id or its scopes: send only the part between the colons',
  key_in_quotes: 'API_KEY has quotes around the key: `docker --env-file` keeps them',
  secret_in_quotes: 'the setting has quotes around the secret: `docker --env-file` keeps them',
  expired: 'it has expired',
  not_yet_valid: 'it is not valid yet',
  bad_signature: 'the signature does not fit',
  unknown_signing_key: 'no key of the issuer has its `kid`',
  wrong_algorithm: 'its algorithm is not in JWT_ALGORITHMS',
  wrong_issuer: '`iss` is not JWT_ISSUER',
  wrong_audience: '`aud` has none of JWT_AUDIENCE',
  no_subject: 'the claim that names the caller is missing or no text',
  no_expiry: '`exp` is missing',
  bad_claim: 'a claim has the wrong form',
  not_scraper: 'it is not METRICS_TOKEN',
  refused: 'the provider refused it',
} as const;

export type RefusalReason = keyof typeof refusalReasons;

/** Refusals of credentials that nobody can have guessed. */
export const notGuesses: ReadonlySet<RefusalReason> = new Set(['missing', 'expired']);

/** A setting without the quotes that a shell would have removed; undefined if there are none. */
export function withoutQuotes(setting: string): string | undefined {
  return /^(["'])(.*)\1$/s.exec(setting)?.[2];
}
