import { writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { startProgram } from './programs.js';

/** What nginx keeps in files, to be kept in its own folder. */
const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];

/**
 * Starts a real nginx; whether it listens is for the caller to find out.
 *
 * @param http what stands in the `http` block of its configuration
 */
export function startNginxWith(http: string) {
  const program = startProgram('nginx', (folder) => {
    writeFileSync(
      join(folder, 'nginx.conf'),
      `daemon off;
user ${userInfo().username};
pid nginx.pid;
error_log stderr crit;
events { worker_connections 4096; }
http {
  access_log off;
  ${temporary.map((name) => `${name}_temp_path ${name};`).join('\n  ')}
  ${http}
}
`,
    );
    return ['-p', folder, '-c', 'nginx.conf', '-e', 'stderr'];
  });
  // A master that is killed would leave its workers behind.
  return { ...program, stop: () => program.stop('SIGTERM') };
}
