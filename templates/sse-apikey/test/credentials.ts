import { randomBytes } from 'node:crypto';

const key = randomBytes(32).toString('base64url');

/** What the server under test is started with, settings of your own included. */
export const settings = { API_KEY: `proof:${key}`, API_KEYS_FILE: '', AUTH_HEADER: 'X-API-Key' };

export const goodHeaders: Record<string, string> | undefined = { 'X-API-Key': key };
export const badHeaders: Record<string, string> | undefined = { 'X-API-Key': `${key}x` };
