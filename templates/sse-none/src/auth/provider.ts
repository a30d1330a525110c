import type { Environment } from '../env.js';
import type { AuthProvider } from './auth-provider.js';

/** This server needs no credential: whoever reaches it may use it, so it listens on loopback only. */
export function createAuthProvider(_env: Environment): AuthProvider | undefined {
  return undefined;
}
