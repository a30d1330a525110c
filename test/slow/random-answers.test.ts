import fc from 'fast-check';
import { test } from 'vitest';
import type { Answers } from '../../src/answers/index.ts';
import { expectProvedAfterUpdate } from '../update/support/proof.ts';

/** Answers that fit together, each of them as likely as the others. */
const answers = fc
  .record({
    auth: fc.constantFrom('apikey', 'jwt', 'custom', 'none'),
    protect: fc.subarray<'sse' | 'messages'>(['sse', 'messages'], { minLength: 1 }),
    port: fc.integer({ min: 1, max: 65_535 }),
    endpoint: fc.constantFrom('/sse', '/events', '/a/b'),
    messageEndpoint: fc.constantFrom('/messages', '/inbox', '/a/c'),
    maxMessageSize: fc.constantFrom('4mb', '100kb', '8MB'),
    streamableHttp: fc.boolean(),
    relay: fc.constantFrom('none', 'redis'),
    host: fc.constantFrom('127.0.0.1', 'localhost'),
    packageManager: fc.constantFrom('npm', 'pnpm', 'yarn', 'bun'),
  } as const)
  .map(
    ({ protect, ...others }): Partial<Answers> => (others.auth === 'none' ? others : { ...others, protect }),
  );

const pairs = fc.sample(fc.tuple(answers, answers), 20);

test.each(pairs)('a project with %j is proved after an update to %j', expectProvedAfterUpdate);
