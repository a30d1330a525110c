import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { authTypes, renderProject } from '../templates/support/projects.js';

// No container is run here, and no image fetched: this is what can be read in compose.yaml and the files that it names.
// That its nginx.conf works is in routing.test.ts.

describe.each(authTypes)('compose.yaml with the relay and --auth %s', async (auth) => {
  const files = await renderProject({ auth, relay: 'redis', port: 9000 });
  const text = (path: string) => files.get(path)?.content.toString() ?? '';
  const { services } = parse(text('compose.yaml'));
  const { nginx, 'mcp-server': server, redis } = services;

  test('starts two processes of the server, nginx and Redis', () => {
    expect(Object.keys(services)).toEqual(['nginx', 'mcp-server', 'redis']);
    expect(server).toMatchObject({ build: '.', deploy: { replicas: 2 } });
    expect(files.has('Dockerfile')).toBe(true);
    for (const { depends_on = [] } of [nginx, server, redis]) {
      for (const service of depends_on) expect(services).toHaveProperty([service]);
    }
  });

  test('lets the processes find Redis by its service name, and gives them time to stop', () => {
    const { protocol, hostname, port } = new URL(server.environment.REDIS_URL);
    expect({ protocol, port }).toEqual({ protocol: 'redis:', port: '6379' });
    expect(services[hostname]).toBe(redis);
    expect(redis).not.toHaveProperty('ports'); // Whoever reaches it can send messages in anybody's name.
    expect(Number.parseInt(server.stop_grace_period, 10)).toBeGreaterThan(
      server.environment.SHUTDOWN_SECONDS,
    );
  });

  test('publishes only nginx, on this machine, which finds the processes', () => {
    const [, upstream] = /server (\S+) resolve max_fails=0;/.exec(text('nginx.conf')) ?? [];
    const [, listen] = /listen (\d+);/.exec(text('nginx.conf')) ?? [];
    expect(upstream).toBe(`mcp-server:${server.environment.PORT}`);
    expect(nginx.ports).toEqual([`127.0.0.1:9000:${listen}`]);
    expect(server).not.toHaveProperty('ports');
    expect(server.environment).toMatchObject({ HOST: '0.0.0.0', PORT: 9000, TRUST_PROXY: 1 });
  });

  test('mounts and reads only files of the project', () => {
    const [[source, target, mode]] = nginx.volumes.map((volume: string) => volume.split(':'));
    expect(files.has(source.replace('./', ''))).toBe(true);
    expect({ target, mode }).toEqual({ target: '/etc/nginx/conf.d/default.conf', mode: 'ro' });
    if (server.env_file) expect(files.has(server.env_file)).toBe(true);
  });

  test('gives the processes their credentials', () => {
    expect(server.env_file).toBe(auth === 'jwt' || auth === 'apikey' ? '.env' : undefined);
    expect(server.environment.ALLOW_UNAUTHENTICATED).toBe(auth === 'none' ? 'true' : undefined);
  });
});
