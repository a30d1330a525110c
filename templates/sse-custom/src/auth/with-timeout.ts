import type { AuthProvider } from './auth-provider.ts';

/** Makes a provider give up waiting: a look-up that hangs is then answered with 503 instead of never. */
export function withTimeout<T extends AuthProvider>(provider: T, milliseconds: number): T {
  const authenticate = provider.authenticate.bind(provider);
  provider.authenticate = async (req) => {
    let timer: NodeJS.Timeout | undefined;
    const timeUp = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${milliseconds} ms`)), milliseconds);
    });
    try {
      return await Promise.race([authenticate(req), timeUp]);
    } finally {
      clearTimeout(timer);
    }
  };
  return provider;
}
