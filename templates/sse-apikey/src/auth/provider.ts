import type { authSettings } from '../settings/auth.ts';
import { readTextFile } from '../settings/text-file.ts';
import { APIKeyAuthProvider } from './api-key-auth-provider.ts';

type Settings = ReturnType<typeof authSettings>;

/** The provider of this server, from its settings. @throws {Error} if a key cannot be used, or the file not be read */
export function createAuthProvider(settings: Settings): APIKeyAuthProvider {
  return new APIKeyAuthProvider({ keys: readKeys(settings), headerName: settings.headerName });
}

/** The keys of the setting and of the file. @throws {Error} if the file cannot be read */
export function readKeys({ keys, keysFile }: Settings): string[] {
  const file = keysFile === '' ? '' : readTextFile(`API_KEYS_FILE=${keysFile}`, keysFile);
  const lines = file.split('\n').filter((line) => !line.trim().startsWith('#'));
  return [...keys.split(','), ...lines].map((key) => key.trim()).filter((key) => key !== '');
}
