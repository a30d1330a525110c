import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { freePort } from '../../support/programs.js';
import { eventually, send } from '../support/client.js';
import { type Auth, authTypes, directoryOf } from '../support/projects.js';
import { startServer } from '../support/server.js';

// A Prometheus that is set up as the README of a project says gets its metrics.

const METRICS_TOKEN = 'a-token-of-22-characters-or-more';
const missing = spawnSync('prometheus', ['--version']).error !== undefined;
if (missing) console.warn('skipped: prometheus is not installed: on Debian, apt-get install prometheus');

/** The scrape configuration of a project's README, for this server and this file. */
function documented(auth: Auth, port: number, tokenFile: string): string {
  const readme = readFileSync(join(directoryOf(auth), 'README.md'), 'utf8');
  const block = /^ {2}```yaml\n( {2}scrape_configs:\n[\s\S]*?)^ {2}```/m.exec(readme)?.[1] ?? '';
  return block
    .replace(/'127\.0\.0\.1:8080'/, `'127.0.0.1:${port}'`)
    .replace(/credentials_file: \S+/, `credentials_file: ${tokenFile}`)
    .replace(/^ {2}/gm, '');
}

test.skipIf(missing).each(authTypes)('with %s', async (auth) => {
  const folder = mkdtempSync(join(tmpdir(), 'prometheus-'));
  const tokenFile = join(folder, 'token');
  const config = join(folder, 'prometheus.yml');
  const settings = { ALLOWED_HOSTS: 'mcp.example.com,127.0.0.1', ...(auth !== 'none' && { METRICS_TOKEN }) };
  const server = await startServer(auth, settings);
  const scrapes = documented(auth, server.port, tokenFile);
  expect(scrapes).toContain(String(server.port));
  expect(scrapes.includes(tokenFile)).toBe(auth !== 'none');
  writeFileSync(tokenFile, `${METRICS_TOKEN}\n`);
  writeFileSync(config, `global: { scrape_interval: 1s }\n${scrapes}`);

  const port = await freePort();
  const args = [
    `--config.file=${config}`,
    `--storage.tsdb.path=${folder}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ];
  const prometheus = spawn('prometheus', args, { stdio: 'ignore' });
  onTestFinished(async () => {
    prometheus.kill('SIGKILL');
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const query = () =>
    send({ port }, 'GET', '/api/v1/query?query=mcp_sessions_open').catch(() => ({ body: '' }));
  const { body } = await eventually(query, ({ body }) => body.includes('"value"'), 20_000);
  expect(JSON.parse(body).data.result).toMatchObject([{ value: [expect.anything(), '0'] }]);
  expect(server.output()).not.toContain('request refused');
});
