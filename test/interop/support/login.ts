import {
  auth as auth2,
  Client as Client2,
  StreamableHTTPClientTransport as Http2,
  type OAuthClientProvider,
  SSEClientTransport as Sse2,
  UnauthorizedError as Unauthorized2,
} from '@modelcontextprotocol/client';
import { auth as auth1, UnauthorizedError as Unauthorized1 } from 'sdk-latest/client/auth.js';
import { Client as Client1 } from 'sdk-latest/client/index.js';
import { SSEClientTransport as Sse1 } from 'sdk-latest/client/sse.js';
import { StreamableHTTPClientTransport as Http1 } from 'sdk-latest/client/streamableHttp.js';
import { logIn } from './authorization-server.js';
import { type Message, type TransportName, versionOf } from './clients.js';

// Clients of the SDK that log in by OAuth, as their documentation says to.

/** Nothing listens there: a browser that is sent there is where it should be. */
const redirectUrl = 'http://127.0.0.1:9/callback';

export const clientMetadata = {
  client_name: 'interop',
  redirect_uris: [redirectUrl],
  grant_types: ['authorization_code', 'refresh_token'],
  token_endpoint_auth_method: 'none',
};

/** Somebody who logs in when the client asks for it: what a program keeps of that, and what it did. */
export function createLogin({
  client,
  clientMetadataUrl,
}: {
  client?: object;
  clientMetadataUrl?: string;
} = {}) {
  // biome-ignore lint/suspicious/noExplicitAny: what two generations of a library keep
  const kept: Record<'client' | 'tokens' | 'verifier' | 'discovery', any> = {
    client,
    tokens: undefined,
    verifier: '',
    discovery: undefined,
  };
  const save = (what: keyof typeof kept) => (value: unknown) => {
    kept[what] = value;
  };
  const login = {
    clientMetadataUrl,
    redirectUrl,
    clientMetadata,
    clientInformation: () => kept.client,
    saveClientInformation: save('client'),
    tokens: () => kept.tokens,
    saveTokens: save('tokens'),
    codeVerifier: () => kept.verifier,
    saveCodeVerifier: save('verifier'),
    discoveryState: () => kept.discovery,
    saveDiscoveryState: save('discovery'),
    async redirectToAuthorization(page: URL) {
      login.pages.push(page);
      login.answer = (await logIn(page, redirectUrl)).searchParams;
    },
    /** The pages that were opened, one for each time that somebody had to log in. */
    pages: [] as URL[],
    /** What the last page sent back. */
    answer: new URLSearchParams(),
  };
  return login;
}

export type Login = ReturnType<typeof createLogin>;

export interface LoggedIn {
  callTool(params: { name: string; arguments?: object }, options?: object): Promise<Message>;
  /** Goes on after the client sent somebody to the page of the authorization server. */
  finishLogin(): Promise<void>;
  /** Logs in again, with these scopes. */
  logInFor(scope: string): Promise<void>;
  close(): Promise<void>;
}

export interface ClientUnderLogin {
  name: string;
  version: string;
  transport: TransportName;
  /** Connects, and logs in if that is asked for. */
  connect(url: URL, login: Login): Promise<LoggedIn>;
}

const identity = { name: 'interop', version: '1.0.0' };

export const loginClients: ClientUnderLogin[] = [
  ...(['SSE', 'Streamable HTTP, 2025'] as const).map((transport) => ({
    name: '@modelcontextprotocol/sdk',
    version: versionOf('sdk-latest'),
    transport,
    async connect(url: URL, login: Login): Promise<LoggedIn> {
      const attempt = async () => {
        const client = new Client1(identity);
        const options = { authProvider: login };
        const wire = transport === 'SSE' ? new Sse1(url, options) : new Http1(url, options);
        const finishLogin = () => wire.finishAuth(login.answer.get('code') as string);
        return { client, wire, finishLogin };
      };
      const { client, finishLogin } = await connectWith(attempt, Unauthorized1);
      return {
        callTool: (params, options) => client.callTool(params as never, undefined, options),
        finishLogin,
        async logInFor(scope) {
          await auth1(login, { serverUrl: url, scope });
          await finishLogin();
        },
        close: () => client.close(),
      };
    },
  })),
  ...(['SSE', 'Streamable HTTP, 2025', 'Streamable HTTP, 2026-07-28'] as const).map((transport) => ({
    name: '@modelcontextprotocol/client',
    version: versionOf('@modelcontextprotocol/client'),
    transport,
    async connect(url: URL, login: Login): Promise<LoggedIn> {
      const mode = transport === 'Streamable HTTP, 2026-07-28' ? { pin: '2026-07-28' } : ('legacy' as const);
      const authProvider = login as OAuthClientProvider;
      const attempt = async () => {
        const client = new Client2(identity, { versionNegotiation: { mode } });
        const wire = transport === 'SSE' ? new Sse2(url, { authProvider }) : new Http2(url, { authProvider });
        return { client, wire, finishLogin: () => wire.finishAuth(login.answer) };
      };
      const { client, finishLogin } = await connectWith(attempt, Unauthorized2);
      return {
        callTool: (params, options) => client.callTool(params as never, options),
        finishLogin,
        async logInFor(scope) {
          await auth2(authProvider, { serverUrl: url, scope, forceReauthorization: true });
          await finishLogin();
        },
        close: () => client.close(),
      };
    },
  })),
];

interface Attempt<C, W> {
  client: C;
  wire: W;
  finishLogin(): Promise<void>;
}

/** Both versions ask for a second attempt, with a new client, once somebody has logged in. */
async function connectWith<W, C extends { connect(wire: W): Promise<void> }>(
  attempt: () => Promise<Attempt<C, W>>,
  // biome-ignore lint/suspicious/noExplicitAny: each version has its own
  Unauthorized: new (...args: any[]) => Error,
): Promise<Attempt<C, W>> {
  const first = await attempt();
  try {
    await first.client.connect(first.wire);
    return first;
  } catch (error) {
    if (!(error instanceof Unauthorized)) throw error;
  }
  await first.finishLogin();
  const second = await attempt();
  await second.client.connect(second.wire);
  return second;
}
