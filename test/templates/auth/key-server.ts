import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A key of an issuer. */
export interface IssuerKey {
  kid: string;
  alg: string;
  privateKey: KeyObject;
  publicKey: KeyObject;
}

export function makeKey(kid: string, alg: 'RS256' | 'PS256' | 'ES256' | 'EdDSA'): IssuerKey {
  const pair =
    alg === 'ES256'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : alg === 'EdDSA'
        ? generateKeyPairSync('ed25519')
        : generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { kid, alg, ...pair };
}

/** What an identity provider has of interest here: a page with its keys (RFC 7517), which can fail in several ways. */
export async function startKeyServer(...keys: IssuerKey[]) {
  const hanging = new Set<ServerResponse>();
  const state = {
    keys,
    /** `hang` takes a request and never answers it. */
    mood: 'well' as 'well' | 'hang' | 'error' | 'nonsense',
    /** How often its keys were asked for. */
    requests: 0,
  };
  const server = createServer((_, response) => {
    state.requests++;
    const jwks = state.keys.map(({ kid, alg, publicKey }) => ({
      ...publicKey.export({ format: 'jwk' }),
      kid,
      alg,
      use: 'sig',
    }));
    if (state.mood === 'hang') hanging.add(response);
    else if (state.mood === 'error') response.writeHead(500).end();
    else if (state.mood === 'nonsense') response.end('<html>');
    else response.end(JSON.stringify({ keys: jwks }));
  });

  async function listen(port = 0): Promise<number> {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }
  const port = await listen();

  return Object.assign(state, {
    url: `http://127.0.0.1:${port}/keys`,
    /** Nothing listens any more. */
    async die() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
    revive: () => listen(port),
    async stop() {
      if (!server.listening) return;
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  });
}

export type KeyServer = Awaited<ReturnType<typeof startKeyServer>>;
