import type { authSettings } from '../settings/auth.ts';
import { JWTAuthProvider } from './jwt-auth-provider.ts';

/** The provider of this server, from its settings. @throws {Error} if they do not fit together */
export function createAuthProvider(settings: ReturnType<typeof authSettings>): JWTAuthProvider {
  const { jwksUrl, issuer, audience, scopeClaim, ...others } = settings;
  return new JWTAuthProvider({
    ...others,
    // An empty setting is one that is not set.
    ...(jwksUrl && { jwksUrl }),
    ...(issuer && { issuer }),
    ...(scopeClaim && { scopeClaim }),
    ...(audience.length > 0 && { audience }),
  });
}
