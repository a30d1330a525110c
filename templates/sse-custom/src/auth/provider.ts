import type { AuthProvider } from './auth-provider.ts';
import { CustomAuthProvider } from './custom-auth-provider.ts';
import { withTimeout } from './with-timeout.ts';

/** The provider of this server. Give it settings of your own from config.ts if it needs any. */
export function createAuthProvider(): AuthProvider {
  return withTimeout(new CustomAuthProvider(), 10_000);
}
