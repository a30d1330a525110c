import type { Caller } from '../auth/caller.ts';
import { HttpError } from '../http/errors.ts';
import type { Exchange } from '../http/exchange.ts';
import type { WorkLimits } from '../http/work-limits.ts';
import type { Metrics } from '../monitoring/metrics.ts';
import { type MessageLimits, readMessage } from '../sessions/read-message.ts';
import type { ForwardedMessage, Receive, Relay } from './relay.ts';

/** Carries messages between processes: what another relay than Redis has to implement. */
export interface Channel {
  readonly nodeId: string;
  readonly problem: string | undefined;
  listen(receive: Receive): void;

  /**
   * Hands a message to the process that holds its session.
   *
   * @returns whether it took the message; false also if there is no such process
   * @throws {HttpError} `relay_unavailable` if that is not known in time
   */
  forward(nodeId: string, message: ForwardedMessage): Promise<boolean>;

  close(): void;
}

export interface ForwardingOptions {
  channel: Channel;
  /** What one message may have. */
  messages: MessageLimits;
  metrics: Metrics;
}

/** Checks a message where it arrives, and forwards it to the process that its session's id names. */
export function createForwarding({ channel, messages, metrics }: ForwardingOptions): Relay {
  async function forward(
    exchange: Exchange,
    sessionId: string,
    caller: Caller | undefined,
    workLimits: WorkLimits,
  ): Promise<void> {
    const nodeId = sessionId.slice(0, Math.max(0, sessionId.indexOf('.')));
    if (nodeId === '' || nodeId === channel.nodeId) throw new HttpError('session_not_found');
    const work = workLimits.begin(caller?.id ?? exchange.address);
    const { text, bytes } = await readMessage(exchange, messages, work);
    try {
      if (!(await channel.forward(nodeId, { sessionId, caller, json: text }))) {
        throw new HttpError('session_not_found');
      }
    } finally {
      work.end();
    }
    exchange.response.writeHead(202, { ...exchange.headers, 'Content-Length': 8 }).end('Accepted');
    metrics.messageReceived(bytes);
  }

  return {
    nodeId: channel.nodeId,
    get problem() {
      return channel.problem;
    },
    listen: (receive) => channel.listen(receive),
    forward,
    close: () => channel.close(),
  };
}
