import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { SettingsError } from './environment.ts';

/** @param name what an error says of the file. @throws {SettingsError} if it cannot be read */
export function readBytes(name: string, file: string | URL): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new SettingsError(
      `${name} must be a file that can be read (${(error as NodeJS.ErrnoException).code})`,
    );
  }
}

/**
 * The text of a file, as people meant it who write on Windows too: without a byte order mark, and with `\n` for line ends.
 *
 * @param name what an error says of it, such as `API_KEYS_FILE=/run/keys`
 * @throws {SettingsError} if it cannot be read, or is not UTF-8
 */
export function readTextFile(name: string, file: string | URL): string {
  const bytes = readBytes(name, file);
  // UTF-16 begins with a mark of its own, and has a NUL beside nearly each character.
  const mark = bytes.subarray(0, 2).toString('hex');
  if (bytes.includes(0) || mark === 'fffe' || mark === 'feff') {
    throw new SettingsError(`${name} must be UTF-8; this looks like UTF-16`);
  }
  if (!isUtf8(bytes)) throw new SettingsError(`${name} must be UTF-8`);
  return bytes
    .toString()
    .replace(/^\uFEFF/, '')
    .replaceAll('\r\n', '\n');
}
