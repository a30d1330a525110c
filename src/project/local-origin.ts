import { isIP } from 'node:net';
import type { Answers } from '../answers/index.ts';

/** The origin at which clients on this machine reach the server. Any address (0.0.0.0, ::) includes the loopback one. */
export function localOrigin({ host, port }: Pick<Answers, 'host' | 'port'>): string {
  if (host === '0.0.0.0') return `http://127.0.0.1:${port}`;
  if (host === '::') return `http://[::1]:${port}`;
  return `http://${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}
