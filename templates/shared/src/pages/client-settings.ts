export type Transport = 'sse' | 'streamable-http';

export interface ServerAddress {
  /** Name of the server, as its package has it. */
  name: string;
  /** Defaults to SSE. */
  transport?: Transport;
  /** URL of the event stream, or of Streamable HTTP. */
  url: string;
  /** URL to POST messages to, without the session's id. Streamable HTTP has but one URL. */
  messageUrl?: string;
  /** The header that carries the credential. Absent: none is needed. */
  header?: CredentialHeader | undefined;
}

export interface CredentialHeader {
  name: string;
  /** Precedes the credential: `Bearer `, or nothing. */
  prefix: string;
  /** The credential, or what stands for it: `<key>`. */
  credential: string;
}

export interface ClientSettings {
  client: string;
  /** Where the text goes. */
  where: string;
  /** What to know about it; empty for nothing. */
  hint: string;
  /** Of the text: a language that Markdown knows. */
  language: 'sh' | 'json' | 'text' | 'ts';
  text: string;
}

/** What each client calls a transport. */
const names = {
  sse: { claude: 'sse', vsCode: 'sse', cline: 'sse', n8n: 'Server Sent Events', code: 'SSEClientTransport' },
  'streamable-http': {
    claude: 'http',
    vsCode: 'http',
    cline: 'streamableHttp',
    n8n: 'HTTP Streamable',
    code: 'StreamableHTTPClientTransport',
  },
} as const;

/** What to paste into which client, so that it connects to this server. */
export function clientSettings(address: ServerAddress): ClientSettings[] {
  const { name, transport = 'sse', url, messageUrl, header } = address;
  const called = names[transport];
  const shortName = withoutScope(name);
  const value = header && header.prefix + header.credential;
  const headers = header && { headers: { [header.name]: value } };
  const option = (flag: string) => (header ? ` ${flag} ${shellWord(`${header.name}: ${value}`)}` : '');
  const file = (key: string, settings: object, more = {}) =>
    JSON.stringify({ ...more, [key]: { [shortName]: settings } }, null, 2);
  const call = {
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name: 'whoami' },
  };
  const data = `  --data ${shellWord(JSON.stringify(call))}`;

  return [
    {
      client: 'Claude Code',
      where: 'in a terminal',
      hint: '',
      language: 'sh',
      text: `claude mcp add --transport ${called.claude} ${shellWord(shortName)} ${shellWord(url)}${option('--header')}`,
    },
    {
      client: 'Cursor',
      where: 'in ~/.cursor/mcp.json',
      hint: header ? `\${env:NAME} inserts an environment variable` : '',
      language: 'json',
      text: file('mcpServers', { url, ...headers }),
    },
    {
      client: 'VS Code',
      where: 'in .vscode/mcp.json',
      hint: header ? 'it asks for the credential once and stores it' : '',
      language: 'json',
      text: file(
        'servers',
        {
          type: called.vsCode,
          url,
          ...(header && { headers: { [header.name]: `${header.prefix}\${input:credential}` } }),
        },
        header && {
          inputs: [
            {
              type: 'promptString',
              id: 'credential',
              description: `Credential for ${shortName}`,
              password: true,
            },
          ],
        },
      ),
    },
    {
      client: 'Cline',
      where: 'in cline_mcp_settings.json',
      hint: 'MCP Servers, Configure',
      language: 'json',
      text: file('mcpServers', { type: called.cline, url, ...headers }),
    },
    {
      client: 'n8n',
      where: 'in the MCP Client Tool node',
      hint: '',
      language: 'text',
      text: [
        `Endpoint: ${url}`,
        `Server Transport: ${called.n8n}`,
        `Authentication: ${header ? `Header Auth, with the name ${header.name} and the value ${value}` : 'None'}`,
      ].join('\n'),
    },
    transport === 'sse'
      ? {
          client: 'curl',
          where: 'in two terminals',
          hint: 'the first command keeps running and prints the session id for the second',
          language: 'sh',
          text: [
            `curl --no-buffer ${shellWord(url)}${option('--header')}`,
            `curl ${shellWord(`${messageUrl}?sessionId=…`)}${option('--header')} --header 'Content-Type: application/json' \\`,
            data,
          ].join('\n'),
        }
      : {
          client: 'curl',
          where: 'in a terminal',
          hint: '',
          language: 'sh',
          text: [
            `curl ${shellWord(url)}${option('--header')} --header 'Content-Type: application/json' \\`,
            `  --header 'Accept: application/json, text/event-stream' \\`,
            data,
          ].join('\n'),
        },
    {
      client: 'The TypeScript client',
      where: 'in your code',
      hint: '',
      language: 'ts',
      text: [
        `import { Client, ${called.code} } from '@modelcontextprotocol/client';`,
        '',
        `const url = new URL(${codeText(url)});`,
        "const client = new Client({ name: 'my-client', version: '1.0.0' });",
        ...(header
          ? [
              `const headers = { ${codeText(header.name)}: ${codeText(`${value}`)} };`,
              `await client.connect(new ${called.code}(url, { requestInit: { headers } }));`,
            ]
          : [`await client.connect(new ${called.code}(url));`]),
      ].join('\n'),
    },
  ];
}

/** A package's name as clients accept it: without its scope. */
export function withoutScope(name: string): string {
  return name.replace(/^@.*\//, '');
}

/** A word of a command, quoted where a shell would read more into it. */
function shellWord(text: string): string {
  if (/^[\w@%+=:,./-]+$/.test(text)) return text;
  // Windows' shell knows double quotes only; inside them a POSIX shell leaves these characters alone.
  return /^[\w@%+=:,./ <>?&…[\]-]+$/.test(text) ? `"${text}"` : `'${text.replaceAll("'", `'\\''`)}'`;
}

function codeText(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
