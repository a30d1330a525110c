export interface ServerAddress {
  /** Name of the server, as its package has it. */
  name: string;
  /** URL of the event stream. */
  url: string;
  /** URL to POST messages to, without the session's id. */
  messageUrl: string;
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

/** What to paste into which client, so that it connects to this server. */
export function clientSettings({ name, url, messageUrl, header }: ServerAddress): ClientSettings[] {
  const shortName = name.replace(/^@.*\//, ''); // Clients accept no scope in a name.
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

  return [
    {
      client: 'Claude Code',
      where: 'in a terminal',
      hint: '',
      language: 'sh',
      text: `claude mcp add --transport sse ${shellWord(shortName)} ${shellWord(url)}${option('--header')}`,
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
          type: 'sse',
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
      text: file('mcpServers', { type: 'sse', url, ...headers }),
    },
    {
      client: 'n8n',
      where: 'in the MCP Client Tool node',
      hint: '',
      language: 'text',
      text: [
        `Endpoint: ${url}`,
        'Server Transport: Server Sent Events',
        `Authentication: ${header ? `Header Auth, with the name ${header.name} and the value ${value}` : 'None'}`,
      ].join('\n'),
    },
    {
      client: 'curl',
      where: 'in two terminals',
      hint: 'the first command keeps running and prints the session id for the second',
      language: 'sh',
      text: [
        `curl --no-buffer ${shellWord(url)}${option('--header')}`,
        `curl ${shellWord(`${messageUrl}?sessionId=…`)}${option('--header')} --header 'Content-Type: application/json' \\`,
        `  --data ${shellWord(JSON.stringify(call))}`,
      ].join('\n'),
    },
    {
      client: 'The TypeScript client',
      where: 'in your code',
      hint: '',
      language: 'ts',
      text: [
        "import { Client, SSEClientTransport } from '@modelcontextprotocol/client';",
        '',
        `const url = new URL(${codeText(url)});`,
        "const client = new Client({ name: 'my-client', version: '1.0.0' });",
        ...(header
          ? [
              `const headers = { ${codeText(header.name)}: ${codeText(`${value}`)} };`,
              'await client.connect(new SSEClientTransport(url, { requestInit: { headers } }));',
            ]
          : ['await client.connect(new SSEClientTransport(url));']),
      ].join('\n'),
    },
  ];
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
