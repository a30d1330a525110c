import { BlockList, isIP } from 'node:net';

/**
 * What a setting may be. This file imports nothing of the server, since the command that made this project checks its
 * answers with the same code: what it accepts, the server accepts too.
 */
export interface Kind<T> {
  /** Completes the sentence "PORT=70000 must be …". */
  readonly mustBe: string;
  /** The value, or undefined if the text is not one. A value written out again is a valid text. */
  parse(text: string): T | undefined;
}

export function text(): Kind<string> {
  return { mustBe: 'text', parse: (text) => text };
}

export function wholeNumber({ min, max }: { min: number; max: number }): Kind<number> {
  return {
    mustBe: `a whole number from ${min} to ${max}`,
    parse(text) {
      if (!/^\d{1,15}$/.test(text)) return undefined;
      const number = Number(text);
      return number >= min && number <= max ? number : undefined;
    },
  };
}

const bytesIn = { b: 1, kb: 1024, mb: 1024 ** 2 };

/** The bytes that a size such as `4mb` or `1.5kb` stands for; undefined if it is not a size of whole bytes. */
export function sizeInBytes(text: string): number | undefined {
  const match = /^(\d{1,12}(?:\.\d{1,6})?)(b|kb|mb)$/i.exec(text);
  if (match === null) return undefined;
  const bytes = Number(match[1]) * bytesIn[match[2]?.toLowerCase() as keyof typeof bytesIn];
  return Number.isInteger(bytes) ? bytes : undefined;
}

/** A size such as `4mb`, kept as text because people read it; `sizeInBytes` says how many bytes it is. */
export function byteSize({ min, max }: { min: string; max: string }): Kind<string> {
  const least = sizeInBytes(min) ?? 0;
  const most = sizeInBytes(max) ?? 0;
  return {
    mustBe: `a size from ${min} to ${max}, such as 512kb or 4mb`,
    parse(text) {
      const bytes = sizeInBytes(text);
      if (bytes === undefined || bytes < least || bytes > most) return undefined;
      const size = text.toLowerCase().replace(/^0+(?=\d)/, '');
      return size.includes('.') ? `${bytes}b` : size;
    },
  };
}

/** Segments of a path: unreserved characters, `:`, `@` and escapes (RFC 3986, section 3.3). Shells read none of them. */
const pathSegments = /^(?:\/(?:[\w\-.~:@]|%[\da-f]{2})+)+\/?$/i;

/** Escapes that proxies and servers disagree about: `.`, `/`, `\` and NUL. */
const ambiguousEscape = /%(?:2e|2f|5c|00)/i;

function parsePath(text: string): string | undefined {
  if (!pathSegments.test(text) || ambiguousEscape.test(text)) return undefined;
  if (text.split('/').some((segment) => segment === '.' || segment === '..')) return undefined;
  return text.replace(/\/$/, ''); // A request may have the slash at the end or not.
}

/** The path of an endpoint, compared byte for byte with the request's. */
export function urlPath(): Kind<string> {
  return {
    mustBe: 'a path such as /sse: letters, digits and - . _ ~ : @ between single slashes',
    parse: parsePath,
  };
}

/** A path that a proxy puts in front of every other; empty for none. */
export function pathPrefix(): Kind<string> {
  return {
    mustBe: 'a path such as /my-server',
    parse: (text) => (text === '' || text === '/' ? '' : parsePath(text)),
  };
}

/** Paths that every server has, so that no endpoint can be one of them. */
const reservedPaths = ['/health', '/metrics', '/page', '/.well-known'];

/** The reserved path that a path is, or is below; undefined if it is free. */
export function reservedPath(path: string): string | undefined {
  return reservedPaths.find((reserved) => path === reserved || path.startsWith(`${reserved}/`));
}

/** An IP address or a host name to listen on. */
export function hostName(): Kind<string> {
  return {
    mustBe: 'an IP address or a host name',
    parse(text) {
      if (text.length > 253) return undefined;
      const host = text.replace(/^\[(.*)\]$/, '$1').toLowerCase();
      if (isIP(host)) return host;
      const labels = host.split('.');
      const valid = labels.every((label) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(label));
      // A last label of digits only is a mistyped IP address, never a host name.
      return valid && !/^\d+$/.test(labels.at(-1) ?? '') ? host : undefined;
    },
  };
}

/** The names by which a machine calls itself. */
export const loopbackNames = ['localhost', '127.0.0.1', '[::1]'];

const loopbackAddresses = new BlockList();
loopbackAddresses.addSubnet('127.0.0.0', 8, 'ipv4');
loopbackAddresses.addAddress('::1', 'ipv6');

/** Whether a server that listens on this host is reached from this machine only. Names below `.localhost` need not be. */
export function isLoopback(host: string): boolean {
  if (host === 'localhost') return true;
  const version = isIP(host);
  return version !== 0 && loopbackAddresses.check(host, version === 6 ? 'ipv6' : 'ipv4');
}

export function oneOf<const C extends string>(choices: readonly C[]): Kind<C> {
  return {
    mustBe: `one of ${choices.join(', ')}`,
    parse: (text) => choices.find((choice) => choice === text),
  };
}

/** Several texts with commas between them, one at least: a stray comma must not switch off a check. */
export function listLike(pattern: RegExp, mustBe: string): Kind<string[]> {
  return {
    mustBe,
    parse(text) {
      const parts = text.split(',').flatMap((part) => part.trim() || []);
      return parts.length > 0 && parts.every((part) => pattern.test(part)) ? parts : undefined;
    },
  };
}

/** A text that matches a pattern. */
export function textLike(pattern: RegExp, mustBe: string): Kind<string> {
  return { mustBe, parse: (text) => (pattern.test(text) ? text : undefined) };
}
