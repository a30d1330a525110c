// The settings of a generated server are data: what declares them runs here too, and says what it declared.
import { accessSettings as credentialSettings } from '../../templates/credentials/src/settings/access.ts';
import { relaySettings } from '../../templates/redis-relay/src/settings/relay.ts';
import { Environment } from '../../templates/shared/src/settings/environment.ts';
import { serverSettings } from '../../templates/shared/src/settings/server.ts';
import { authSettings as keySettings } from '../../templates/sse-apikey/src/settings/auth.ts';
import { authSettings as tokenSettings } from '../../templates/sse-jwt/src/settings/auth.ts';
import { accessSettings as openSettings } from '../../templates/sse-none/src/settings/access.ts';
import { streamableHttpSettings } from '../../templates/streamable-http/src/settings/streamable-http.ts';
import type { Answers } from '../answers/index.ts';

/** The settings of a project as a table in Markdown, in the order in which its src/config.ts reads them. */
export function settingsTable(answers: Answers): string {
  const env = new Environment({});
  const { auth, streamableHttp, relay, name } = answers;
  serverSettings(env, { ...answers, allowedOrigins: auth === 'none' ? 'loopback' : '*' });
  if (auth === 'none') openSettings(env);
  else credentialSettings(env, answers);
  if (streamableHttp) streamableHttpSettings(env);
  if (auth === 'jwt') tokenSettings(env);
  if (auth === 'apikey') keySettings(env);
  if (relay === 'redis') relaySettings(env, name);

  const rows = env.rows.map(
    ({ name, default: value, description }) =>
      `| \`${name}\` | ${value && `\`${value}\``} | ${description} |\n`,
  );
  return `| variable | default | |\n|---|---|---|\n${rows.join('')}`;
}
