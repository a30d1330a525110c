import { randomUUID } from 'node:crypto';
import type { JSONRPCMessage, JSONRPCResponse } from '@modelcontextprotocol/server';
import { Tally } from '../monitoring/tally.ts';
import type { EventStream } from '../sessions/event-stream.ts';
import { isReplyTo } from '../sessions/json-rpc.ts';
import type { Session } from '../sessions/session.ts';

/** A client that is asked which session is its own. */
interface Question {
  readonly client: string;
  /** With the session to whose URL the answer was POSTed; undefined if there is none. */
  readonly settle: (session: Session | undefined) => void;
}

/** Clients name their requests themselves; this begins no name of theirs. */
const idPrefix = 'whose-session-';

export type Questions = ReturnType<typeof createQuestions>;

/** Whether a message answers a question, of this process or of another. */
export function isAnswer(message: JSONRPCMessage): boolean {
  return isReplyTo(idPrefix, message);
}

/**
 * Asks clients that reconnect which session is theirs. They do not say it, but they answer a `ping` at the URL that they
 * knew, which names their session; so they are asked before the `endpoint` event names another. Nothing is guessed: not
 * by credential, nor by address.
 */
export function createQuestions() {
  const open = new Map<string, Question>();
  /** How many questions to each client are open. */
  const perClient = new Tally();

  /** @returns the session of a client, or undefined if it does not say in time, or its session is gone */
  async function ask(stream: EventStream, client: string, withinMs: number): Promise<Session | undefined> {
    const id = idPrefix + randomUUID();
    perClient.add(client);
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<Session | undefined>((settle) => {
        timer = setTimeout(settle, withinMs, undefined);
        open.set(id, { client, settle });
        stream.onclose = () => settle(undefined);
        stream.send('message', JSON.stringify({ jsonrpc: '2.0', id, method: 'ping' }));
      });
    } finally {
      clearTimeout(timer);
      open.delete(id);
      perClient.remove(client);
    }
  }

  return {
    ask,

    /** Whether a client is being asked. */
    isAsking: (client: string) => perClient.has(client),

    /** How many questions to a client are open. */
    openFor: (client: string) => perClient.get(client) ?? 0,

    /**
     * Takes the answer to a question.
     *
     * @param client who POSTed it
     * @param session the session to whose URL it came, if that is the client's
     * @returns false if the message is not the answer of the client that was asked
     */
    answer(message: JSONRPCResponse, client: string, session: Session | undefined): boolean {
      const question = open.get(message.id as string);
      if (question?.client !== client) return false;
      question.settle(session);
      return true;
    },
  };
}
