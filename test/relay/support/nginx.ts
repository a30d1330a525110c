import { startNginxWith } from '../../support/nginx.js';
import { freePort, listening, type Program, requireProgram } from '../../support/programs.js';
import { replaced } from '../../support/replaced.js';
import { renderProject } from '../../templates/support/projects.js';

export interface Nginx extends Program {
  port: number;
  origin: string;
}

/** Which of the configurations that a generated project has. */
export type Configuration = 'README' | 'README, by node' | 'compose';

/**
 * Starts a real nginx with a configuration that a generated project gives its users.
 *
 * @param servers the ports of the processes
 */
export async function startNginx(servers: number[], configuration: Configuration = 'README'): Promise<Nginx> {
  requireProgram('nginx');
  const port = await freePort();
  const files = await renderProject({ auth: 'apikey', relay: 'redis' });
  const readme = files.get('README.md')?.content.toString() ?? '';
  const upstreams = servers.map((server) => `server 127.0.0.1:${server} max_fails=0;\n`).join('');
  const listen = { 'listen 8080': `listen ${port}` };
  // The processes are called a, b, c …
  const byName = servers.map((server, i) => `~^${'abc'[i]}\\. 127.0.0.1:${server};\n`).join('');
  const fromReadme = {
    ...listen,
    'server 127.0.0.1:8081 max_fails=0;\n': upstreams,
    'server 127.0.0.1:8082 max_fails=0;\n': '',
    '    ~^a\\.    127.0.0.1:8081;\n    ~^b\\.    127.0.0.1:8082;\n': byName,
  };
  const sites: Record<Configuration, () => string> = {
    README: () => replaced(block(readme, 'nginx'), fromReadme),
    'README, by node': () =>
      replaced(block(readme, 'nginx-map'), {
        '127.0.0.1:8081': `127.0.0.1:${servers[0]}`,
        '127.0.0.1:8082': `127.0.0.1:${servers[1]}`,
      }) +
      replaced(block(readme, 'nginx'), {
        ...fromReadme,
        'proxy_pass http://mcp_servers;': 'proxy_pass http://$mcp_server;',
      }),
    // Without Docker's name server, and for versions of nginx that cannot ask it.
    compose: () =>
      replaced(files.get('nginx.conf')?.content.toString() ?? '', {
        ...listen,
        'resolver 127.0.0.11 valid=5s;': '',
        'server mcp-server:8080 resolve max_fails=0;': upstreams,
        '~^(?<container>[0-9a-f]{12})\\.  $container:8080;': byName,
      }),
  };
  const program = startNginxWith(sites[configuration]());
  const origin = `http://127.0.0.1:${port}`;
  await listening(program, () => fetch(`${origin}/health`));
  return { ...program, port, origin };
}

function block(readme: string, language: string): string {
  const text = readme.split(`\`\`\`${language}\n`).at(-1)?.split('```')[0];
  if (text === undefined) throw new Error(`the README has no block of ${language}`);
  return text;
}
