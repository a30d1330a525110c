import { randomUUID } from 'node:crypto';
import type { Caller } from '../auth/authenticate.js';

/** A message that came to one process, for a session that lives in another. */
export interface ForwardedMessage {
  sessionId: string;
  /** Who sent it; nobody where no credential is needed. */
  caller: Caller | undefined;
  /** The JSON-RPC message, as it came and after all checks. */
  json: string;
}

/** Gives a message to its session in this process; false when there is no such session of this caller. */
export type Receive = (message: ForwardedMessage) => boolean;

/**
 * Carries messages between processes. A session lives in the process that holds its stream, but behind a load
 * balancer a POST can come to any: that one checks it and forwards it to the one that its session id names.
 */
export interface Relay {
  /** Names this process among the others: letters, digits, `_` and `-`. Empty where there are no others. */
  readonly nodeId: string;

  /** What keeps messages from being forwarded, for people to read; undefined when nothing does. */
  readonly problem: string | undefined;

  /** Starts to hand `receive` what other processes forward to this one. */
  listen(receive: Receive): void;

  /**
   * Hands a message to the process that holds its session.
   *
   * @returns whether it took the message; false also when there is no such process
   * @throws {HttpError} `relay_unavailable` when that is not known in time
   */
  forward(nodeId: string, message: ForwardedMessage): Promise<boolean>;

  /** Lets go of all connections. */
  close(): void;
}

/** The relay of a process that is alone: every session lives here. */
export const singleProcess: Relay = {
  nodeId: '',
  problem: undefined,
  listen() {},
  forward: async () => false,
  close() {},
};

/** The id of a new session in this process. */
export function newSessionId({ nodeId }: Relay): string {
  const id = randomUUID(); // 122 random bits from the operating system's generator
  return nodeId === '' ? id : `${nodeId}.${id}`;
}

/** The other process that a session would live in; undefined when it could only live in this one. */
export function otherNode(sessionId: string, { nodeId }: Relay): string | undefined {
  if (nodeId === '') return undefined;
  const end = sessionId.indexOf('.');
  return end <= 0 || sessionId.slice(0, end) === nodeId ? undefined : sessionId.slice(0, end);
}
