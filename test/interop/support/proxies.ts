import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';

export interface RunningProxy {
  /** Where the server's endpoints are, such as `https://localhost:41234/my-server`. */
  url: string;
  stop(): Promise<void>;
}

/** Why a program cannot be used here, or undefined when it can. */
export function missing(program: string): string | undefined {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { env: { PATH: `${process.env.PATH}:/usr/sbin` } });
    return undefined;
  } catch {
    return `${program} is not installed: on Debian, apt-get install ${program}`;
  }
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
  const { certFile, keyFile } = inject('certificate');
  const port = await freePort();
  const site = replaced(documented('nginx'), {
    'listen 443': `listen ${port}`,
    'server_name mcp.example.com': 'server_name localhost',
    '/etc/ssl/mcp.example.com.crt': certFile,
    '/etc/ssl/mcp.example.com.key': keyFile,
    '127.0.0.1:8080': `127.0.0.1:${serverPort}`,
  });
  const folder = mkdtempSync(join(tmpdir(), 'nginx-'));
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off;
user ${userInfo().username};
pid nginx.pid;
error_log stderr crit;
events {}
http {
  access_log off;
  ${temporary.map((name) => `${name}_temp_path ${name};`).join('\n  ')}
  proxy_read_timeout ${readTimeoutSeconds}s;
  ${site}
}
`,
  );
  const child = spawn('nginx', ['-p', folder, '-c', 'nginx.conf', '-e', 'stderr'], {
    env: { PATH: `${process.env.PATH}:/usr/sbin` },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  return running(child, port, folder);
}

/** Starts Caddy with the README's configuration, and a certificate in place of the one it would fetch. */
export async function startCaddy(serverPort: number): Promise<RunningProxy> {
  const { certFile, keyFile } = inject('certificate');
  const port = await freePort();
  const site = replaced(documented('caddy'), {
    'mcp.example.com {': `https://localhost:${port} {\n    tls ${certFile} ${keyFile}`,
    '127.0.0.1:8080': `127.0.0.1:${serverPort}`,
  });
  const folder = mkdtempSync(join(tmpdir(), 'caddy-'));
  writeFileSync(join(folder, 'Caddyfile'), `{\n  admin off\n  auto_https disable_redirects\n}\n${site}`);
  const child = spawn('caddy', ['run', '--config', join(folder, 'Caddyfile')], {
    env: { PATH: process.env.PATH, HOME: folder },
    stdio: 'ignore',
  });
  return running(child, port, folder);
}

async function running(child: ChildProcess, port: number, folder: string): Promise<RunningProxy> {
  const ended = once(child, 'exit');
  const url = `https://localhost:${port}${documentedSettings().BASE_PATH}`;
  for (let listening = false; !listening; ) {
    if (child.exitCode !== null) throw new Error(`the proxy ended with ${child.exitCode}`);
    listening = await fetch(url).then(
      () => true,
      () => false,
    );
  }
  return {
    url,
    async stop() {
      child.kill();
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Replaces texts, each of which must be there. */
function replaced(source: string, replacements: Record<string, string>): string {
  return Object.entries(replacements).reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`the documented configuration has no ${from}`);
    return text.replaceAll(from, to);
  }, source);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
