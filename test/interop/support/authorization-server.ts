import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { newerNode } from './newer-node.js';

export interface AuthorizationServer {
  issuer: string;
  /** Signs with a new key from now on, and withdraws the old one. */
  useNewKey(): Promise<void>;
  /** Stops listening, and keeps what it knows. */
  leave(): Promise<void>;
  comeBack(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts an authorization server whose access tokens are JWTs. */
export async function startAuthorizationServer({
  accessTokenSeconds = 3600,
  clients = [] as object[],
} = {}): Promise<AuthorizationServer> {
  const child = fork(
    join(import.meta.dirname, '../fixtures/authorization-server.js'),
    [JSON.stringify({ accessTokenSeconds, clients })],
    { execPath: newerNode, execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] },
  );
  const ended = once(child, 'exit');
  const [issuer] = await once(child, 'message');

  async function tell(command: string): Promise<void> {
    const done = once(child, 'message');
    child.send(command);
    await done;
  }

  return {
    issuer,
    useNewKey: () => tell('useNewKey'),
    leave: () => tell('leave'),
    comeBack: () => tell('comeBack'),
    async stop() {
      child.kill();
      await ended;
    },
  };
}

/**
 * Opens the page of an authorization server as a browser would, and logs in.
 *
 * @param redirectUrl where the client that asked for it waits
 * @returns the URL that the browser was sent back to
 */
export async function logIn(page: URL, redirectUrl: string): Promise<URL> {
  const cookies = new Map<string, string>();
  let url = page;
  while (!url.href.startsWith(redirectUrl)) {
    const cookie = [...cookies].map((pair) => pair.join('=')).join('; ');
    const answer = await fetch(url, { redirect: 'manual', headers: { cookie } });
    const to = answer.headers.get('location');
    if (to === null) throw new Error(`${url.pathname} got ${answer.status}: ${await answer.text()}`);
    for (const line of answer.headers.getSetCookie()) {
      const [name = '', value = ''] = (line.split(';')[0] ?? '').split('=');
      cookies.set(name, value);
    }
    url = new URL(to, url);
  }
  return url;
}
