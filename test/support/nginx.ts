import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nginxConf } from '../../scripts/nginx-conf.js';
import { startProgram } from './programs.js';

/**
 * Starts a real nginx; whether it listens is for the caller to find out.
 *
 * @param http what stands in the `http` block of its configuration
 */
export function startNginxWith(http: string) {
  const program = startProgram('nginx', (folder) => {
    writeFileSync(join(folder, 'nginx.conf'), nginxConf(http));
    return ['-p', folder, '-c', 'nginx.conf', '-e', 'stderr'];
  });
  // A master that is killed would leave its workers behind.
  return { ...program, stop: () => program.stop('SIGTERM') };
}
