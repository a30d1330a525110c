import { posix, win32 } from 'node:path';
import { CreateError, refusedValue } from '../errors.ts';

/** The current directory. @throws {CreateError} target_not_writable, if it was deleted */
export function currentDirectory(): string {
  try {
    return process.cwd();
  } catch (cause) {
    const message = 'the current directory no longer exists; change to another one';
    throw new CreateError('target_not_writable', message, { flag: 'directory', cause });
  }
}

/** @throws {CreateError} bad_input, if package managers or Node.js cannot work in a directory with this path */
export function requireUsablePath(path: string, platform = process.platform): void {
  const mustBe = pathMustBe(path, platform);
  if (mustBe !== undefined) throw refusedValue('directory', path, mustBe);
}

function pathMustBe(path: string, platform: NodeJS.Platform): string | undefined {
  const { parse, sep } = platform === 'win32' ? win32 : posix;
  const segments = path.slice(parse(path).root.length).split(sep);
  const has = (pattern: RegExp) => segments.some((segment) => pattern.test(segment));
  if (has(/[\p{Cc}\u2028\u2029]/u)) return 'a path without line breaks and other control characters';
  // What Node.js puts in the place of bytes that are not UTF-8: it would write to another directory.
  if (has(/\uFFFD/)) return 'a path in UTF-8';
  if (has(/^node_modules$/i)) return 'a path outside node_modules';
  if (platform === 'win32') {
    if (has(/[<>:"|?*;]/)) return 'a path without any of <>:"|?*;';
    if (has(/[. ]$|^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i)) return 'a path that Windows allows';
  } else {
    if (has(/:/)) return 'a path without a colon, which separates the directories of PATH';
    if (has(/\\/)) return 'a path without a backslash, which npm takes for a slash';
  }
  return undefined;
}
