import fc from 'fast-check';
import { expect, test } from 'vitest';
import { completeAnswers, parseGiven } from '../../../src/answers/answers.ts';
import { importFrom } from '../support/projects.js';

// Whatever the command accepts as an answer, the generated server accepts as a setting, and the other way round.

interface Settings {
  Environment: new (variables: Record<string, string>) => { finish(): void };
  loadConfig: (env: InstanceType<Settings['Environment']>) => unknown;
}

const load = async (auth: 'apikey' | 'none'): Promise<Settings> => ({
  ...(await importFrom(auth, 'config.js')),
  ...(await importFrom(auth, 'settings/environment.js')),
});

function isAnswer(answers: Record<string, unknown>): boolean {
  try {
    completeAnswers(parseGiven(answers), { cwd: '/', packageManager: 'npm' });
    return true;
  } catch {
    return false;
  }
}

function isSetting({ Environment, loadConfig }: Settings, variables: Record<string, string>): boolean {
  const env = new Environment(variables);
  loadConfig(env);
  try {
    env.finish();
    return true;
  } catch {
    return false;
  }
}

const segment = fc.oneof(
  fc.constantFrom(
    'sse',
    'v1:sse',
    'a@b',
    '.',
    '..',
    '...',
    '',
    '%2e',
    '%2F',
    '%5c',
    '%00',
    '%41',
    '%4',
    '%zz',
  ),
  fc.constantFrom(
    'mcp',
    'health',
    'metrics',
    'page',
    '.well-known',
    'messages',
    'a b',
    'a?b',
    'a#b',
    "a'b",
    '$a',
    'a;b',
  ),
  fc.string({ maxLength: 5 }),
);
const path = fc.array(segment, { maxLength: 4 }).map((segments) => `/${segments.join('/')}`);
const size = fc.oneof(
  fc
    .tuple(fc.integer({ min: 0, max: 300_000 }), fc.constantFrom('b', 'kb', 'mb', 'KB', 'Mb', 'gb', ''))
    .map(([n, unit]) => `${n}${unit}`),
  fc
    .tuple(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 99 }))
    .map(([n, part]) => `${n}.${part}mb`),
);
const host = fc.oneof(
  fc.constantFrom(
    'localhost',
    'my.localhost',
    '127.0.0.1',
    '127.9.9.9',
    '0.0.0.0',
    '::1',
    '[::1]',
    '::',
    '1.2.3',
    '::ffff:127.0.0.1',
  ),
  fc.domain(),
  fc.ipV4(),
  fc.ipV6(),
  fc.string({ minLength: 1, maxLength: 8 }),
);

test.each([
  ['endpoint', 'SSE_ENDPOINT', path],
  ['messageEndpoint', 'MESSAGE_ENDPOINT', path],
  ['maxMessageSize', 'MAX_MESSAGE_SIZE', size],
  ['host', 'HOST', host],
  ['port', 'PORT', fc.integer({ min: 1, max: 70_000 }).map(String)],
] as const)('the answer %s and the setting %s accept the same texts', async (answer, setting, texts) => {
  const server = await load('apikey');
  fc.assert(
    fc.property(texts as fc.Arbitrary<string>, (text) => {
      expect({ text, accepted: isAnswer({ auth: 'apikey', [answer]: text }) }).toEqual({
        text,
        accepted: isSetting(server, { API_KEY: 'k'.repeat(20), [setting]: text }),
      });
    }),
    { numRuns: 1000 },
  );
});

test('a server without credentials is bound to loopback by the same rule as its answers', async () => {
  const server = await load('none');
  fc.assert(
    fc.property(host, (text) => {
      expect({ text, accepted: isAnswer({ auth: 'none', host: text }) }).toEqual({
        text,
        accepted: isSetting(server, { HOST: text }),
      });
    }),
    { numRuns: 1000 },
  );
});
