import { hash, type KeyObject } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { errors, type JWTPayload, type JWTVerifyGetKey, type JWTVerifyOptions, jwtVerify } from 'jose';
import { bearerToken, singleHeader } from '../http/headers.ts';
import { type Algorithm, issuerAlgorithms, secretAlgorithms } from '../settings/algorithms.ts';
import { loopbackNames } from '../settings/kinds.ts';
import type { AuthProvider, AuthResult, CredentialScheme } from './auth-provider.ts';
import { createIssuerKeys, IssuerUnavailable } from './issuer-keys.ts';
import { type RefusalReason, withoutQuotes } from './refusal-reasons.ts';
import { kindOf, verificationKey } from './verification-key.ts';

export interface JWTConfig {
  /** A secret of 32 bytes or more, or a public key as PEM or JWK. Needed unless there is a `jwksUrl`. */
  secret?: string;
  /** Signature algorithms that are accepted. Defaults to HS256; with a `jwksUrl` to RS256, PS256, ES256 and EdDSA. */
  algorithms?: readonly Algorithm[];
  /** The header that carries the token. Defaults to `Authorization`. */
  headerName?: string;
  /** Whether `Bearer ` has to stand before the token. Defaults to true. */
  requireBearer?: boolean;
  /** Where the issuer publishes its keys (RFC 7517): https, or http on loopback. Then `secret` has no use. */
  jwksUrl?: string | undefined;
  /** Who tokens must be from (`iss`). Defaults to anybody who has the key. */
  issuer?: string | undefined;
  /** Whom tokens must be for: one of these has to be in `aud`. Defaults to not checked. */
  audience?: string | string[] | undefined;
  /** Scopes that clients are told to ask the issuer for. Defaults to none. */
  scopes?: readonly string[];
  /** The claim that names the caller. Defaults to `sub`. */
  callerClaim?: string;
  /** The claim that lists what the caller may do. Defaults to `scp`, or `scope`. */
  scopeClaim?: string | undefined;
  /** Seconds that this machine's clock and the issuer's may differ. Defaults to 0. */
  clockToleranceSeconds?: number;
}

/** Milliseconds that a verified token is remembered at most: a key that was withdrawn works no longer. */
const rememberMs = 60_000;
/** Tokens that are remembered at most. */
const maxRemembered = 10_000;

/** Lets in whoever sends a JSON Web Token (RFC 7519) that was signed with the right key and is in force. */
export class JWTAuthProvider implements AuthProvider {
  readonly credentialScheme: CredentialScheme;
  onRefused?: AuthProvider['onRefused'];

  readonly #headerName: string;
  readonly #requireBearer: boolean;
  readonly #verify: (token: string) => Promise<JWTPayload>;
  readonly #callerClaim: string;
  readonly #scopeClaim: string | undefined;
  /** The same with what is between the quotes of the secret; undefined if it has none. */
  #verifyUnquoted: ((token: string) => Promise<JWTPayload>) | undefined;
  readonly #clockToleranceSeconds: number;
  /** Verified tokens by digest: verifying takes some thirty times as long as a digest. */
  readonly #remembered = new Map<string, { result: AuthResult; until: number }>();

  /** @throws {Error} when the key, the algorithms and the issuer do not go together */
  constructor(config: JWTConfig) {
    const { jwksUrl, issuer, audience, clockToleranceSeconds = 0 } = config;
    const algorithms = config.algorithms ?? (jwksUrl === undefined ? secretAlgorithms : issuerAlgorithms);
    this.#headerName = config.headerName ?? 'Authorization';
    this.#requireBearer = config.requireBearer ?? true;
    this.#callerClaim = config.callerClaim ?? 'sub';
    this.#scopeClaim = config.scopeClaim;
    this.#clockToleranceSeconds = clockToleranceSeconds;

    const options = {
      algorithms: [...algorithms],
      requiredClaims: ['exp'],
      clockTolerance: clockToleranceSeconds,
      ...(issuer !== undefined && { issuer }),
      ...(audience !== undefined && { audience }),
    };
    if (jwksUrl === undefined) {
      const verifyWith = (key: Uint8Array | KeyObject) => async (token: string) =>
        (await jwtVerify(token, key, options)).payload;
      this.#verify = verifyWith(verificationKey(config.secret ?? '', algorithms));
      const unquoted = kindOf(algorithms) === 'secret' ? withoutQuotes(config.secret ?? '') : undefined;
      if (unquoted !== undefined) this.#verifyUnquoted = verifyWith(new TextEncoder().encode(unquoted));
    } else {
      requireIssuer(config, algorithms);
      const keys = createIssuerKeys(parseJwksUrl(jwksUrl));
      this.#verify = (token) => verifyWithAny(token, keys, options);
    }

    this.credentialScheme = {
      headerName: this.#headerName,
      // Clients that do OAuth go there, so it has to be a web address (RFC 8414, section 2); `iss` need not be one.
      issuer: issuer?.match(/^https?:/) ? issuer : undefined,
      scopes: config.scopes ?? [],
      challenge: (req, resourceMetadataUrl) => this.#challenge(req, resourceMetadataUrl),
    };
  }

  async authenticate(req: IncomingMessage): Promise<AuthResult | false> {
    const token = this.#token(req);
    if (!token) {
      this.onRefused?.(
        req,
        req.headers[this.#headerName.toLowerCase()] === undefined ? 'missing' : 'malformed',
      );
      return false;
    }

    const digest = hash('sha256', token, 'base64url');
    const remembered = this.#remembered.get(digest);
    if (remembered !== undefined && remembered.until > performance.now()) return remembered.result;
    try {
      const result = this.#toResult(await this.#verify(token), token);
      this.#remember(digest, result);
      return result;
    } catch (error) {
      if (error instanceof IssuerUnavailable) throw error;
      const isQuoted = await this.#verifyUnquoted?.(token).then(
        () => true,
        () => false,
      );
      this.onRefused?.(req, isQuoted ? 'secret_in_quotes' : reasonOf(error));
      return false;
    }
  }

  /** @throws {NoSubject} */
  #toResult(payload: JWTPayload, token: string): AuthResult {
    const { iss, exp } = payload;
    const subject = payload[this.#callerClaim];
    if (typeof subject !== 'string' || subject === '') throw new NoSubject();
    const clientId = clientIn(payload);
    return {
      // The same person with another client, or of another issuer, is another caller.
      callerId: JSON.stringify([iss ?? null, clientId ?? null, subject]),
      data: payload,
      token,
      clientId: clientId ?? subject,
      scopes: scopesIn(payload, this.#scopeClaim),
      expiresAt: (exp as number) + this.#clockToleranceSeconds,
    };
  }

  #token(req: IncomingMessage): string | undefined {
    const header = singleHeader(req, this.#headerName);
    return bearerToken(header) ?? (this.#requireBearer ? undefined : header);
  }

  /** RFC 6750, section 3: there is one parameter at least, and the error is named only when a token was sent. */
  #challenge(req: IncomingMessage, resourceMetadataUrl: string): string {
    const { issuer, scopes = [] } = this.credentialScheme;
    const parameters = ['realm="mcp"'];
    if (this.#token(req)) parameters.push('error="invalid_token"');
    if (issuer) parameters.push(`resource_metadata="${resourceMetadataUrl}"`);
    if (issuer && scopes.length > 0) parameters.push(`scope="${scopes.join(' ')}"`);
    return `Bearer ${parameters.join(', ')}`;
  }

  #remember(digest: string, result: AuthResult): void {
    if (this.#remembered.size >= maxRemembered) {
      // A map keeps the order of insertion, so the first key is the oldest.
      this.#remembered.delete(this.#remembered.keys().next().value as string);
    }
    const msLeft = (result.expiresAt as number) * 1000 - Date.now();
    this.#remembered.set(digest, { result, until: performance.now() + Math.min(msLeft, rememberMs) });
  }
}

/** Keys that are tried for one token: an issuer has a handful. */
const mostKeysTried = 20;

/** Tries each key that fits, where a token does not say which one signed it. */
async function verifyWithAny(
  token: string,
  keys: JWTVerifyGetKey,
  options: JWTVerifyOptions,
): Promise<JWTPayload> {
  try {
    return (await jwtVerify(token, keys, options)).payload;
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    let tried = 0;
    for await (const key of error) {
      if (++tried > mostKeysTried) break;
      try {
        return (await jwtVerify(token, key, options)).payload;
      } catch (notThisOne) {
        if (!(notThisOne instanceof errors.JWSSignatureVerificationFailed)) throw notThisOne;
      }
    }
    throw new errors.JWSSignatureVerificationFailed();
  }
}

/** @throws {Error} unless it is an https URL, or http on loopback */
function parseJwksUrl(jwksUrl: string): URL {
  const url = URL.canParse(jwksUrl) ? new URL(jwksUrl) : undefined;
  // `fetch` takes no such URL, and naming it here would put the password in the log.
  if (url?.username || url?.password)
    throw new Error('JWT_JWKS_URL must be a URL without user name and password');
  const onLoopback = url?.protocol === 'http:' && loopbackNames.includes(url.hostname);
  if (url?.protocol === 'https:' || (url && onLoopback)) return url;
  throw new Error(`JWT_JWKS_URL=${jwksUrl} must be an https URL, or http on loopback`);
}

/** @throws {Error} when issuer and audience are missing, or the algorithms are not for public keys */
function requireIssuer({ issuer, audience }: JWTConfig, algorithms: readonly Algorithm[]): void {
  // Without these every token of that issuer, made for any of its services, would be accepted here.
  if (!issuer || !audience?.length) throw new Error('JWT_JWKS_URL needs JWT_ISSUER and JWT_AUDIENCE too');
  if (kindOf(algorithms) === 'secret') {
    throw new Error('JWT_ALGORITHMS must be algorithms of public keys, such as RS256, with JWT_JWKS_URL');
  }
}

/** The claim that names the caller is missing, or is not a text. */
class NoSubject extends Error {}

/** `client_id` is the standard's (RFC 8693, section 4.3). OpenID Connect has `azp`, Okta `cid`, and Entra's version 1 `appid`. */
function clientIn({ client_id, azp, cid, appid }: JWTPayload): string | undefined {
  const client = client_id ?? azp ?? cid ?? appid;
  return typeof client === 'string' ? client : undefined;
}

/** `scope` is the standard's (RFC 8693, section 4.2). Entra has `scp` instead, a text, and Okta, a list. */
function scopesIn(payload: JWTPayload, claim: string | undefined): string[] {
  const value = claim === undefined ? (payload.scp ?? payload.scope) : payload[claim];
  const scopes = typeof value === 'string' ? value.split(' ') : Array.isArray(value) ? value : [];
  return scopes.filter((name) => typeof name === 'string' && name !== '');
}

/** Why a token was refused. An expired one has passed all other checks: jose looks at `exp` last. */
function reasonOf(error: unknown): RefusalReason {
  if (error instanceof NoSubject) return 'no_subject';
  if (error instanceof errors.JWTExpired) return 'expired';
  if (error instanceof errors.JWTClaimValidationFailed) {
    const byClaim: Record<string, RefusalReason> = {
      iss: 'wrong_issuer',
      aud: 'wrong_audience',
      nbf: 'not_yet_valid',
      ...(error.reason === 'missing' && { exp: 'no_expiry' }),
    };
    return byClaim[error.claim] ?? 'bad_claim';
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'bad_signature';
  if (error instanceof errors.JWKSNoMatchingKey) return 'unknown_signing_key';
  if (error instanceof errors.JOSEAlgNotAllowed) return 'wrong_algorithm';
  return error instanceof errors.JOSEError ? 'malformed' : 'refused';
}
