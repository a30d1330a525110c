import { writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { freePort, listening, type Program, requireProgram, startProgram } from './programs.js';
import { renderProject } from './projects.js';

export interface Nginx extends Program {
  port: number;
  origin: string;
}

/**
 * Starts a real nginx with the configuration that the README of a generated project gives.
 *
 * @param servers the ports of the processes; the README has two, others are added
 * @param byNode sends each message to the process that its session id names, as the README says
 */
export async function startNginx(servers: number[], { byNode = false } = {}): Promise<Nginx> {
  requireProgram('nginx', 'nginx');
  const port = await freePort();
  const files = await renderProject('redis');
  const readme = files.get('README.md')?.content.toString() ?? '';
  const site = replaced(block(readme, 'nginx'), {
    'server 127.0.0.1:8081;\n': servers.map((server) => `server 127.0.0.1:${server};\n`).join(''),
    '    server 127.0.0.1:8082;\n': '',
    'listen 8080': `listen ${port}`,
    ...(byNode && { 'proxy_pass http://mcp_servers': 'proxy_pass http://$mcp_server' }),
  });
  const map = replaced(block(readme, 'nginx-map'), {
    '127.0.0.1:8081': `127.0.0.1:${servers[0]}`,
    '127.0.0.1:8082': `127.0.0.1:${servers[1]}`,
  });
  const program = startProgram('nginx', (folder) => {
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
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
  ${byNode ? map : ''}
  ${site}
}
`,
    );
    return ['-p', folder, '-c', 'nginx.conf', '-e', 'stderr'];
  });
  const origin = `http://127.0.0.1:${port}`;
  await listening(program, () => fetch(`${origin}/health`));
  // A master that is killed would leave its workers behind.
  return { ...program, port, origin, stop: () => program.stop('SIGTERM') };
}

function block(readme: string, language: string): string {
  const text = readme.split(`\`\`\`${language}\n`).at(-1)?.split('```')[0];
  if (text === undefined) throw new Error(`the README has no block of ${language}`);
  return text;
}

/** Replaces texts, each of which must be there. */
function replaced(source: string, replacements: Record<string, string>): string {
  return Object.entries(replacements).reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`the documented configuration has no ${from}`);
    return text.replace(from, to);
  }, source);
}
