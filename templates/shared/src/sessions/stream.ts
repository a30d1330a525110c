import type { WriteFailure } from '../http/paced-writer.ts';

/** Where the events of a session go, such as an `EventStream`. */
export interface Stream {
  /** Called once when the stream is over: with the reason, unless `end` was called. */
  onclose?: (failure?: WriteFailure) => void;
  readonly isOver: boolean;
  readonly isBehind: boolean;

  /** Sends one event. @returns false if the stream is over */
  send(event: 'endpoint' | 'message', data: string, id?: string): boolean;

  comment(text: string): void;

  /** Resolves once everything has been taken; false if it never will be. */
  flushed(): Promise<boolean>;

  end(): void;
}
