import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inject } from 'vitest';
import { startNginxWith } from '../../support/nginx.js';
import { freePort, listening, type StartedProgram, startProgram } from '../../support/programs.js';
import { replaced } from '../../support/replaced.js';

export interface RunningProxy {
  /** Where the server's endpoints are, such as `https://localhost:41234/my-server`. */
  url: string;
  stop(): Promise<void>;
}

/** A block of code in what the README of a generated project says about proxies: what people copy is tested. */
export function documented(language: string): string {
  const readme = readFileSync(join(inject('projects'), 'apikey/README.md'), 'utf8');
  const section = readme.split('## Behind a reverse proxy\n')[1] ?? '';
  const block = section.split(`\`\`\`${language}\n`)[1]?.split('```')[0];
  if (block === undefined) throw new Error(`the generated README has no ${language}`);
  return block;
}

/** The settings that the README asks for behind a proxy, for a host called localhost. */
export function documentedSettings(): Record<string, string> {
  const lines = replaced(documented('ini'), { 'mcp.example.com': 'localhost' }).trim().split('\n');
  return Object.fromEntries(lines.map((line) => line.split('=')));
}

/**
 * Starts nginx with the README's configuration.
 *
 * @param readTimeoutSeconds stands in for nginx's default of 60 s
 */
export async function startNginx(serverPort: number, readTimeoutSeconds = 60): Promise<RunningProxy> {
  const { cert, key } = inject('certificate');
  const port = await freePort();
  const site = replaced(documented('nginx'), {
    'listen 443': `listen ${port}`,
    'server_name mcp.example.com': 'server_name localhost',
    '/etc/ssl/mcp.example.com.crt': cert,
    '/etc/ssl/mcp.example.com.key': key,
    '127.0.0.1:8080': `127.0.0.1:${serverPort}`,
  });
  return running(startNginxWith(`proxy_read_timeout ${readTimeoutSeconds}s;\n  ${site}`), port);
}

/** Starts Caddy with the README's configuration, and a certificate in place of the one it would fetch. */
export async function startCaddy(serverPort: number): Promise<RunningProxy> {
  const { cert, key } = inject('certificate');
  const port = await freePort();
  const site = replaced(documented('caddy'), {
    'mcp.example.com {': `https://localhost:${port} {\n    tls ${cert} ${key}`,
    '127.0.0.1:8080': `127.0.0.1:${serverPort}`,
  });
  const program = startProgram('caddy', (folder) => {
    writeFileSync(join(folder, 'Caddyfile'), `{\n  admin off\n  auto_https disable_redirects\n}\n${site}`);
    return ['run', '--config', 'Caddyfile'];
  });
  return running(program, port);
}

async function running(program: StartedProgram, port: number): Promise<RunningProxy> {
  const url = `https://localhost:${port}${documentedSettings().BASE_PATH}`;
  await listening(program, () => fetch(url));
  return { url, stop: () => program.stop() };
}
