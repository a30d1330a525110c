import type { JSONRPCMessage, JSONRPCResponse } from '@modelcontextprotocol/server';
import { Tally } from '../monitoring/tally.ts';
import { isReplyTo } from '../sessions/json-rpc.ts';
import type { Stream } from '../sessions/stream.ts';

/** A client that is asked which session is its own. */
interface Question {
  readonly client: string;
  /** With the id of the session to whose URL the answer was POSTed; undefined if none comes. */
  readonly settle: (sessionId: string | undefined) => void;
}

/** Clients name their requests themselves; this begins no name of theirs. */
const idPrefix = 'whose-session-';

export type Questions = ReturnType<typeof createQuestions>;

/** Whether a message answers a question. */
export function isAnswer(message: JSONRPCMessage): message is JSONRPCResponse & { id: string } {
  return isReplyTo(idPrefix, message);
}

/** What follows the prefix: the question's own name. */
export function nameOf({ id }: { id: string }): string {
  return id.slice(idPrefix.length);
}

/**
 * Asks clients that reconnect which session is theirs. They do not say it, but they answer a `ping` at the URL that they
 * knew, which names their session; so they are asked before the `endpoint` event names another. Nothing is guessed: not
 * by credential, nor by address.
 */
export function createQuestions(newName: () => string) {
  const open = new Map<string, Question>();
  /** How many questions to each client are open. */
  const perClient = new Tally();

  /** @returns the id of a client's session, or undefined if it does not say in time; the session may be gone */
  async function ask(stream: Stream, client: string, withinMs: number): Promise<string | undefined> {
    const name = newName();
    perClient.add(client);
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<string | undefined>((settle) => {
        timer = setTimeout(settle, withinMs, undefined);
        open.set(name, { client, settle });
        stream.onclose = () => settle(undefined);
        stream.send('message', JSON.stringify({ jsonrpc: '2.0', id: idPrefix + name, method: 'ping' }));
      });
    } finally {
      clearTimeout(timer);
      open.delete(name);
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
     * @param sessionId names the session to whose URL it came
     * @returns false if it is not the answer of the client that was asked
     */
    answer(name: string, client: string, sessionId: string): boolean {
      const question = open.get(name);
      if (question?.client !== client) return false;
      question.settle(sessionId);
      return true;
    },
  };
}
