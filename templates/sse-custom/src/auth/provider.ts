import type { Environment } from '../env.js';
import type { AuthProvider } from './auth-provider.js';
import { CustomAuthProvider } from './custom-auth-provider.js';
import { withTimeout } from './with-timeout.js';

/** The provider of this server. Settings of yours can be read from `env`, as config.ts does. */
export function createAuthProvider(_env: Environment): AuthProvider {
  return withTimeout(new CustomAuthProvider(), 10_000);
}
