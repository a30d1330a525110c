import { lstat, readdir, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Removes a file, or a folder with everything in it; nothing if it does not exist.
 *
 * Not with `rm` of Node.js: it reads folders as buffers, which Yarn 3 does not know under Plug'n'Play.
 */
export async function remove(path: string): Promise<void> {
  const stats = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  });
  if (stats === undefined) return;
  if (!stats.isDirectory()) return unlink(path);
  await Promise.all((await readdir(path)).map((name) => remove(join(path, name))));
  await rmdir(path);
}
