import { createClient } from '@redis/client';
import { freePort, listening, type Program, requireProgram, startProgram } from '../../support/programs.js';

export interface Redis extends Program {
  port: number;
  url: string;
  /** A client for the test itself. */
  connect(): Promise<RedisClient>;
}

export type RedisClient = ReturnType<typeof clientOf>;

/** Starts a real Redis that keeps nothing on disk. `settings` are lines of its configuration. */
export async function startRedis(settings: string[] = [], port?: number): Promise<Redis> {
  requireProgram('redis-server');
  const ownPort = port ?? (await freePort());
  const program = startProgram('redis-server', (folder) => [
    ...[
      '--port',
      String(ownPort),
      '--bind',
      '127.0.0.1',
      '--dir',
      folder,
      '--save',
      '',
      '--appendonly',
      'no',
    ],
    ...settings,
  ]);
  const password = /--requirepass (\S+)/.exec(settings.join(' '))?.[1];
  const url = `redis://${password ? `:${password}@` : ''}127.0.0.1:${ownPort}`;
  const connect = async () => {
    const client = clientOf(url);
    client.on('error', () => {}); // The promise of what was asked says the same.
    return client.connect();
  };
  await listening(program, async () => (await connect()).close());
  return { ...program, port: ownPort, url, connect };
}

function clientOf(url: string) {
  return createClient({ url, socket: { reconnectStrategy: false } });
}

/** Resolves with the next message that is published on a channel, without becoming one of its subscribers. */
export async function nextPublished(
  client: RedisClient,
  channel: string,
): Promise<{ message: Promise<string> }> {
  let resolve = (_: string) => {};
  const message = new Promise<string>((taken) => {
    resolve = taken;
  });
  await client.monitor((line) => {
    // Such as: 1700000000.123456 [0 127.0.0.1:54321] "PUBLISH" "channel" "message"
    const [, to, text] = /"PUBLISH" ("(?:[^"\\]|\\.)*") ("(?:[^"\\]|\\.)*")/.exec(String(line)) ?? [];
    if (to === JSON.stringify(channel) && text !== undefined) resolve(JSON.parse(text));
  });
  return { message };
}
