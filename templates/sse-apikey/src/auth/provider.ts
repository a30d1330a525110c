import { readFileSync } from 'node:fs';
import type { authSettings } from '../settings/auth.ts';
import { APIKeyAuthProvider } from './api-key-auth-provider.ts';

/** The provider of this server, from its settings. @throws {Error} if a key cannot be used, or the file not be read */
export function createAuthProvider(settings: ReturnType<typeof authSettings>): APIKeyAuthProvider {
  const { keys, keysFile, headerName } = settings;
  const lines = keysFile === '' ? [] : readKeys(keysFile);
  const entries = [...keys.split(','), ...lines].map((key) => key.trim()).filter((key) => key !== '');
  return new APIKeyAuthProvider({ keys: entries, headerName });
}

function readKeys(file: string): string[] {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => !line.startsWith('#'));
  } catch (error) {
    throw new Error(
      `API_KEYS_FILE=${file} must be a file that can be read (${(error as NodeJS.ErrnoException).code})`,
    );
  }
}
