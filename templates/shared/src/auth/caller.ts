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
  return { ...authInfo, scopes: [...authInfo.scopes], extra: copyOf(authInfo.extra ?? {}) };
}

/** A copy of objects and arrays. What a provider made of a class stays the same, as its methods are part of it. */
function copyOf<T>(value: T, copies = new Map<unknown, unknown>()): T {
  if (typeof value !== 'object' || value === null) return value;
  const isPlain = Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
  if (!isPlain || copies.has(value)) return (copies.get(value) ?? value) as T;
  const copy: Record<string, unknown> = Array.isArray(value) ? ([] as never) : {};
  copies.set(value, copy);
  for (const [key, part] of Object.entries(value))
    copy[key] = typeof part === 'object' ? copyOf(part, copies) : part;
  return copy as T;
}
