import type { CredentialHeader } from '../../templates/shared/src/pages/client-settings.ts';
import type { Answers } from '../answers/index.ts';

/** The header that carries a credential, with a placeholder in it; undefined if none is needed. */
export function credentialHeader(auth: Answers['auth']): CredentialHeader | undefined {
  return {
    apikey: { name: 'X-API-Key', prefix: '', credential: '<key>' },
    jwt: { name: 'Authorization', prefix: 'Bearer ', credential: '<token>' },
    custom: { name: 'Authorization', prefix: 'Bearer ', credential: '<credential>' },
    none: undefined,
  }[auth];
}
