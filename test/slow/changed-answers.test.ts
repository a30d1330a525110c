import { test } from 'vitest';
import type { Answers } from '../../src/answers/index.ts';
import { expectProvedAfterUpdate } from '../update/support/proof.ts';

const auths = ['apikey', 'jwt', 'custom', 'none'] as const;

const changes: [Partial<Answers>, Partial<Answers>][] = [
  ...auths.flatMap((from) =>
    auths
      .filter((to) => to !== from)
      .map((to): [Partial<Answers>, Partial<Answers>] => [{ auth: from }, { auth: to }]),
  ),
  [{}, { relay: 'redis' }],
  [{ relay: 'redis' }, { relay: 'none' }],
  [{}, { streamableHttp: false }],
  [{ streamableHttp: false }, { streamableHttp: true }],
  [
    {},
    { endpoint: '/events', messageEndpoint: '/inbox', port: 9000, maxMessageSize: '1mb', host: 'localhost' },
  ],
  [{}, { packageManager: 'pnpm' }],
];

test.each(changes)(
  'a project with %j and a tool of its own is proved after an update to %j',
  expectProvedAfterUpdate,
);
