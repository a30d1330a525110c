import type { WriteFailure } from '../http/paced-writer.ts';

/** Where the events of a session go: to a response of this process, or to one that another process holds. */
export interface Stream {
  /** Called once when the stream is over: with the reason, unless `end` was called. */
  onclose?: (failure?: WriteFailure) => void;
  /** Called with the number of the last event that has arrived, by a stream that acknowledges what it takes. */
  onacknowledged?: (number: number) => void;
  /** Whether what was sent can be lost before it reaches the process that holds the response. */
  readonly acknowledges?: boolean;
  readonly isOver: boolean;
  readonly isBehind: boolean;

  /** Sends one event. @returns false if the stream is over */
  send(event: 'endpoint' | 'message', data: string, id?: string): boolean;

  comment(text: string): void;

  /** Resolves once everything has been taken; false if it never will be. */
  flushed(): Promise<boolean>;

  end(): void;
}
