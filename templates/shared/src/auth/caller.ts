import type { AuthInfo } from '@modelcontextprotocol/server';

/** Who a good credential says is calling. */
export interface Caller {
  /** The same for each credential of this caller; never a secret. */
  readonly id: string;
  /** What tools see of the caller, as `ctx.http.authInfo`. */
  readonly authInfo: AuthInfo;
}

/** A copy of what tools see for one call: what a tool changes in it is gone with the call. */
export function ownAuthInfo({ authInfo }: Caller): AuthInfo {
  return { ...authInfo, scopes: [...authInfo.scopes], extra: structuredClone(authInfo.extra ?? {}) };
}
