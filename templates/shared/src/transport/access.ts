import type { IncomingMessage } from 'node:http';
import type { AuthProvider } from '../auth/auth-provider.js';
import { authenticate, type Caller } from '../auth/authenticate.js';
import type { Log } from '../monitoring/log.js';
import { requestId } from '../monitoring/request-id.js';
import type { Exchange } from './exchange.js';
import { HttpError } from './http-error.js';
import type { RateLimits } from './rate-limits.js';
import { publicOrigin } from './request-guards.js';

/** Where RFC 9728 puts the metadata that says which issuer's tokens a server takes. */
export const resourceMetadataPath = '/.well-known/oauth-protected-resource';

export interface AuthOptions {
  provider: AuthProvider;
  /** Which endpoints need a credential. Streamable HTTP goes by `messages`. */
  endpoints: { sse: boolean; messages: boolean };
}

export interface AccessOptions {
  /** Absent: nothing needs a credential. */
  auth?: AuthOptions | undefined;
  /** Path prefix that a proxy in front adds, such as `/mcp-server`; empty for none. */
  basePath: string;
  /** How many proxies in front are to be believed about the client's address and scheme. */
  trustedProxies: number;
  log: Log;
}

/** Finds out who is calling. */
export function createAccess({ auth, basePath, trustedProxies, log }: AccessOptions, limits: RateLimits) {
  if (auth) {
    auth.provider.onRefused = (request, reason) =>
      log.debug({ request: requestId(request), reason }, 'credential refused');
  }

  /**
   * @param resource the path of what the caller wants to use, as the issuer knows it
   * @returns the caller, or nothing where no credential is needed
   * @throws {HttpError} `unauthorized`, `auth_unavailable`, `too_many_requests`
   */
  return async function identify(
    { request, address }: Exchange,
    endpoint: keyof AuthOptions['endpoints'] | 'metrics',
    resource: string,
  ): Promise<Caller | undefined> {
    if (!auth || (endpoint !== 'metrics' && !auth.endpoints[endpoint])) return undefined;
    await limits.requireFewFailures(address);
    try {
      const metadataUrl = () =>
        `${publicOrigin(request, trustedProxies)}${basePath}${resourceMetadataPath}${resource}`;
      return await authenticate(auth.provider, request, address, metadataUrl, log);
    } catch (error) {
      const refused = error instanceof HttpError && error.code === 'unauthorized';
      if (refused && mayBeGuess(request, auth.provider)) await limits.countFailure(address);
      throw error;
    }
  };
}

/** Whether a refused request may have been an attempt to guess a credential; one without any was not. */
function mayBeGuess(request: IncomingMessage, { credentialScheme }: AuthProvider): boolean {
  // A provider that does not say where its credential is could have found it anywhere.
  if (credentialScheme === undefined) return true;
  const { headers } = request;
  return (
    headers[credentialScheme.headerName.toLowerCase()] !== undefined || headers.authorization !== undefined
  );
}
