import type { PublicOrigin } from '../http/client-address.ts';
import { HttpError } from '../http/errors.ts';
import type { Exchange } from '../http/exchange.ts';
import { sendJson } from '../http/send.ts';

/** Where RFC 9728 puts the metadata that says which issuer's tokens a server takes. */
const wellKnown = '/.well-known/oauth-protected-resource';

export interface ResourceMetadataOptions {
  /** The OAuth issuer whose tokens are valid here; undefined if there is none. */
  issuer: string | undefined;
  /** What clients ask the issuer for. */
  scopes: readonly string[];
  /** The endpoint that names the server: clients know it, and not the one for messages. */
  endpoint: string;
  /** Other endpoints that take a token. */
  otherEndpoints: readonly string[];
  basePath: string;
  publicOrigin: PublicOrigin;
}

export type ResourceMetadata = ReturnType<typeof createResourceMetadata>;

/** Tells clients which issuer's tokens this server takes. https://www.rfc-editor.org/rfc/rfc9728 */
export function createResourceMetadata(options: ResourceMetadataOptions) {
  const { issuer, scopes, endpoint, otherEndpoints, basePath, publicOrigin } = options;
  /** The server as a whole, as `''`, and each endpoint that takes a token. */
  const resources = ['', endpoint, ...otherEndpoints];
  /**
   * The resource of each metadata path. The base path comes last, where a client looks for it, or first, where a proxy
   * that passes on nothing else finds it.
   */
  const byPath = new Map(
    resources.flatMap((resource) => [
      [wellKnown + resource, resource],
      [wellKnown + basePath + resource, resource],
    ]),
  );

  return {
    issuer,
    paths: [...byPath.keys()],

    /** The metadata of what a request asked for. */
    url(exchange: Exchange): string {
      const path = exchange.path === '/' ? '' : exchange.path;
      const resource = resources.includes(path) ? path : endpoint;
      const origin = publicOrigin(exchange.request);
      return origin + basePath + wellKnown + resource;
    },

    /** @throws {HttpError} `not_found` */
    show(exchange: Exchange): void {
      if (issuer === undefined) throw new HttpError('not_found');
      sendJson(exchange, {
        resource: publicOrigin(exchange.request) + basePath + byPath.get(exchange.path),
        authorization_servers: [issuer],
        ...(scopes.length > 0 && { scopes_supported: scopes }),
        bearer_methods_supported: ['header'],
      });
    },
  };
}
