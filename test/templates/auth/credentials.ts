import { request as httpRequest, type IncomingMessage } from 'node:http';
import { type CryptoKey, type JWTHeaderParameters, type JWTPayload, type KeyObject, SignJWT } from 'jose';
import { expect } from 'vitest';
import { type Answer, call } from '../support/client.js';
import { secret } from '../support/projects.js';
import type { RunningServer } from '../support/server.js';

type Port = Pick<RunningServer, 'port'>;

/** Headers of a request; a name with several values is sent several times. */
export type Headers = Record<string, string | string[]>;

export const endpoints = ['GET /sse', 'POST /messages', 'POST /mcp'] as const;
export type Endpoint = (typeof endpoints)[number];

const initialize = call(1, 'initialize', {
  protocolVersion: '2025-06-18',
  capabilities: {},
  clientInfo: { name: 'test', version: '1' },
});

/** A request that is answered at once, whatever the credential: a stream that opens is closed again. */
export function knock(server: Port, endpoint: Endpoint, headers: Headers = {}, query = ''): Promise<Answer> {
  const [method, path] = endpoint.split(' ');
  const inQuery = endpoint === 'POST /messages' ? ['sessionId=unknown', query] : [query];
  const search = inQuery.filter((part) => part !== '').join('&');
  const accept = { Accept: 'application/json, text/event-stream' };
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        host: '127.0.0.1',
        port: server.port,
        method,
        path: search === '' ? path : `${path}?${search}`,
        headers: { ...accept, ...(method === 'POST' && { 'Content-Type': 'application/json' }), ...headers },
        agent: false,
      },
      async (response: IncomingMessage) => {
        const status = response.statusCode as number;
        let body = '';
        if (response.headers['content-type'] === 'text/event-stream') response.destroy();
        else for await (const chunk of response) body += chunk;
        resolve({ status, headers: response.headers, body });
      },
    );
    request.on('error', reject);
    request.end(method === 'POST' ? JSON.stringify(initialize) : undefined);
  });
}

const knockEverywhere = (server: Port, headers: Headers, query?: string) =>
  Promise.all(endpoints.map((endpoint) => knock(server, endpoint, headers, query)));

/** On every endpoint the credential is good: only the session that is asked for does not exist. */
export async function expectAdmitted(server: Port, headers: Headers): Promise<void> {
  const answers = await knockEverywhere(server, headers);
  expect(answers.map(({ status }) => status)).toEqual([200, 404, 200]);
}

export const unauthorized = '{"error":{"code":"unauthorized","message":"A valid credential is required"}}';

/** Every endpoint refuses, in the same words, and with this challenge. */
export async function expectRefused(
  server: Port,
  headers: Headers,
  challenge: RegExp,
  query?: string,
): Promise<void> {
  const answers = await knockEverywhere(server, headers, query);
  for (const { status, body, headers } of answers) {
    expect({ status, body }).toEqual({ status: 401, body: unauthorized });
    expect(headers['www-authenticate']).toMatch(challenge);
  }
}

export type SigningKey = Uint8Array | CryptoKey | KeyObject;

export const hmacKey = new TextEncoder().encode(secret);

export const bearer = (token: string): Record<string, string> => ({ Authorization: `Bearer ${token}` });

export const inSeconds = (seconds: number): number => Math.floor(Date.now() / 1000) + seconds;

/** A signed token: of alice, for five minutes, unless the claims say otherwise. A claim that is undefined is left out. */
export function sign(
  claims: JWTPayload | Record<string, unknown> = {},
  { key = hmacKey, header = { alg: 'HS256' } }: { key?: SigningKey; header?: JWTHeaderParameters } = {},
): Promise<string> {
  const crit = Object.fromEntries((header.crit ?? []).map((name) => [name, true]));
  return new SignJWT({ sub: 'alice', exp: inSeconds(300), ...claims })
    .setProtectedHeader(header)
    .sign(key, { crit });
}

/** Tests that send many bad credentials from one address. */
export const noLimit = { AUTH_FAILURES_PER_MINUTE: '1000000' };
