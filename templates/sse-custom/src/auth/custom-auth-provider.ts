import type { IncomingMessage } from 'node:http';
import type { AuthProvider, AuthResult } from './auth-provider.ts';

/**
 * YOURS: decides who may come in. As generated it lets nobody in.
 *
 * `authenticate` gets the request with its headers and returns
 * - `false`: the client gets 401;
 * - an `AuthResult`: the client is let in, and tools find `data` as `ctx.http.authInfo.extra`. Set `callerId`
 *   to what names the caller (never a secret), so that one caller cannot use another's session;
 * - or throws, when it cannot tell: the client gets 503 and the log says why. So it does after 10 seconds.
 *
 * With your own look-up of a user by the API key that was sent, for example:
 *
 *     const user = await findUser(singleHeader(req, 'X-API-Key'));
 *     if (user === undefined) return false;
 *     return { callerId: user.id, data: { sub: user.id }, scopes: user.isAdmin ? ['read', 'write'] : ['read'] };
 *
 * A tool can require scopes, as tools/claims.ts does. auth-provider.ts says what else an `AuthResult` can hold, such as
 * an expiry, and what else a provider can have: its own error (`getAuthError`), and the header it reads
 * (`credentialScheme`). introspection-example.ts is a complete provider: it asks an OAuth server about each token. A
 * class that was written for MCP Framework's `AuthProvider` can stand here as it is.
 */
export class CustomAuthProvider implements AuthProvider {
  constructor() {
    console.warn('Nobody is let in yet: say who may come in, in src/auth/custom-auth-provider.ts');
  }

  async authenticate(_req: IncomingMessage): Promise<boolean | AuthResult> {
    return false;
  }
}
