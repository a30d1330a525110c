import type { IncomingMessage } from 'node:http';
import type { RefusalReason } from './refusal-reasons.ts';

/**
 * Decides whether a request's credential is good. The interface is MCP Framework's: a provider written for it
 * works here unchanged. What is optional goes beyond it.
 */
export interface AuthProvider {
  /**
   * Checks the credential in the request's headers.
   *
   * @returns false to refuse the request; true or an `AuthResult` to let it in
   * @throws when it cannot tell (its identity provider is out of reach): answered with 503 and logged
   */
  authenticate(req: IncomingMessage): Promise<boolean | AuthResult>;

  /** What a refused request is told. Defaults to 401 and a message that names no reason. */
  getAuthError?(): { status: number; message: string; headers?: Record<string, string> };

  /** What kind of credential it takes. Defaults to a bearer token in `Authorization`, from no known issuer. */
  readonly credentialScheme?: CredentialScheme;

  /**
   * Set by the server: takes why a credential was refused, for the log and the metrics. Clients never learn it. Call it
   * before `authenticate` ends; without it the reason is `refused`.
   */
  onRefused?: (req: IncomingMessage, reason: RefusalReason) => void;
}

/** What clients are told about the credential that they need. */
export interface CredentialScheme {
  /** The header that carries the credential. */
  readonly headerName: string;

  /** The OAuth issuer whose tokens are accepted. When set, it is published as RFC 9728 says. */
  readonly issuer?: string | undefined;

  /** What clients ask that issuer for when they log in. Some issuers refuse a request that names no scope. */
  readonly scopes?: readonly string[];

  /**
   * The `WWW-Authenticate` header of a 401 (RFC 9110, section 11.6.1).
   *
   * @param resourceMetadataUrl where this server publishes which issuer it trusts (RFC 9728)
   */
  challenge(req: IncomingMessage, resourceMetadataUrl: string): string;
}

/** What a provider knows of the caller. */
export interface AuthResult {
  /** Anything worth handing to tools: they find it as `ctx.http.authInfo.extra`. */
  data?: Record<string, unknown>;

  /**
   * Names the caller, the same for each of its credentials. Sessions are bound to it, limits count by it and
   * logs show it, so it must not be a secret. Defaults to `data.sub`, else to a digest of `data`, else to a
   * digest of the credential: of the header that `credentialScheme` names; where it is not sent, of `Authorization`,
   * `X-API-Key` and the cookies together. Where none of them is sent, callers are told apart by their addresses.
   */
  callerId?: string;

  /** The credential, for tools that call other services on the caller's behalf. Defaults to none. */
  token?: string;

  /** The OAuth client that calls. Defaults to the caller's id. */
  clientId?: string;

  /** What the credential allows. Defaults to nothing. */
  scopes?: string[];

  /** Seconds since the epoch at which the credential ends; an open stream ends with it. Defaults to never. */
  expiresAt?: number;
}
