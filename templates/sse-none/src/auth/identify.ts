/**
 * What a route asks of its caller. This server takes no credentials, so nothing; a route that must not be open to
 * everybody needs a project with `--auth apikey`, `jwt` or `custom`.
 */
export type Need = 'public' | 'sse' | 'messages' | 'metrics';

/** Without credentials nobody is known; clients are told apart by their addresses. */
export function identify(): undefined {
  return undefined;
}
