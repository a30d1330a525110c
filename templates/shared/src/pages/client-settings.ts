export interface ServerAddress {
  /** Name of the server, as its package has it. */
  name: string;
  /** URL of the event stream. */
  url: string;
  /** The header that carries the credential, with a placeholder as its value; none where none is needed. */
  header?: { name: string; value: string } | undefined;
}

export interface ClientSettings {
  client: string;
  /** Where the text goes. */
  where: string;
  text: string;
}

/** What to paste into which client, so that it connects to this server. */
export function clientSettings({ name, url, header }: ServerAddress): ClientSettings[] {
  const shortName = name.replace(/^@.*\//, ''); // Clients take no scope in a name.
  const headers = header && { headers: { [header.name]: header.value } };
  // An IPv6 address has brackets, for which some shells look for files.
  const address = /^[\w.:/-]+$/.test(url) ? url : `"${url}"`;
  const option = (flag: string) => (header ? ` ${flag} "${header.name}: ${header.value}"` : '');
  const file = (key: string, settings: object) =>
    JSON.stringify({ [key]: { [shortName]: settings } }, null, 2);
  const n8nCredential = header ? `Header Auth: name ${header.name}, value ${header.value}` : 'None';

  return [
    {
      client: 'Claude Code',
      where: 'in a terminal',
      text: `claude mcp add --transport sse ${shortName} ${address}${option('--header')}`,
    },
    { client: 'Cursor', where: 'in ~/.cursor/mcp.json', text: file('mcpServers', { url, ...headers }) },
    {
      client: 'VS Code',
      where: 'in .vscode/mcp.json',
      text: file('servers', { type: 'sse', url, ...headers }),
    },
    {
      client: 'Cline',
      where: 'in cline_mcp_settings.json',
      text: file('mcpServers', { type: 'sse', url, ...headers }),
    },
    {
      client: 'n8n',
      where: 'in the MCP Client Tool node',
      text: `Endpoint: ${url}\nServer Transport: Server Sent Events\nAuthentication: ${n8nCredential}`,
    },
    { client: 'curl', where: 'in a terminal', text: `curl --no-buffer ${address}${option('--header')}` },
  ];
}
