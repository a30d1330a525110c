import { type CreateBuckets, retryLater } from '../http/rate-limits.ts';

export interface GuessLimitOptions {
  /** Bad credentials a minute from one address. */
  failuresPerMinute: number;
  createBuckets: CreateBuckets;
}

/** Milliseconds for which a credential that was accepted passes, however many others failed. */
const acceptedMs = 60_000;
/** Credentials that are remembered at most. */
const maxAccepted = 10_000;

/** Checks that may wait for those under way, and the milliseconds that each may wait. */
const maxWaiting = 1000;
const maxWaitMs = 10_000;

export type GuessLimit = ReturnType<typeof createGuessLimit>;

/** How a check ended. Only `failed` counts as a guess. */
export type CheckOutcome = 'accepted' | 'failed' | 'neither';

/** The checks of one address. */
interface Checks {
  /** Those under way. */
  count: number;
  /** Those that wait for their turn: each is told whether it has come. */
  waiting: Set<(isTurn: boolean) => void>;
}

/**
 * How often an address may guess credentials. A check under way counts as a failure until it ends, so that many at once
 * are no more than many in a row; what is beyond the limit waits its turn. A credential that was accepted lately passes.
 */
export function createGuessLimit({ failuresPerMinute, createBuckets }: GuessLimitOptions) {
  const failures = createBuckets({
    name: 'failures',
    burst: failuresPerMinute,
    perSecond: failuresPerMinute / 60,
  });
  /** When each credential that was accepted no longer passes. */
  const accepted = new Map<string, number>();
  const byAddress = new Map<string, Checks>();
  let waiting = 0;

  /** @throws {HttpError} `too_many_requests` */
  function requireFailureLeft(address: string): void {
    const waitMs = failures.wait(address);
    if (waitMs > 0) throw retryLater('too_many_failures', waitMs);
  }

  const hasTurn = (address: string, { count }: Checks) => count < Math.floor(failures.left(address));

  /** Resolves when its turn has come, and counts it as under way. @throws {HttpError} `too_many_requests` */
  async function turn(address: string, checks: Checks): Promise<void> {
    if (waiting >= maxWaiting) throw retryLater('too_many_failures', maxWaitMs);
    waiting++;
    const isTurn = await new Promise<boolean>((resolve) => {
      const settle = (isTurn: boolean) => {
        clearTimeout(timer);
        checks.waiting.delete(settle);
        resolve(isTurn);
      };
      const timer = setTimeout(settle, maxWaitMs, false);
      checks.waiting.add(settle);
    });
    waiting--;
    if (isTurn) return;
    requireFailureLeft(address);
    throw retryLater('too_many_failures', maxWaitMs);
  }

  /** Hands the place of a check that ended to those that wait. When no failure is left, they have waited in vain. */
  function wakeNext(address: string, checks: Checks): void {
    const isOver = failures.wait(address) > 0;
    for (const settle of checks.waiting) {
      if (isOver) settle(false);
      else if (hasTurn(address, checks)) {
        checks.count++; // At once: who comes meanwhile must see it.
        settle(true);
      } else break;
    }
  }

  return {
    /**
     * Begins a check. Each that began has to be ended.
     *
     * @param credential what is checked, to recognise it again
     * @returns a promise if it has to wait
     * @throws {HttpError} `too_many_requests`
     */
    begin(address: string, credential: string): Promise<void> | undefined {
      const passes = (accepted.get(credential) ?? 0) > performance.now();
      if (!passes) requireFailureLeft(address);
      let checks = byAddress.get(address);
      if (checks === undefined) {
        checks = { count: 0, waiting: new Set() };
        byAddress.set(address, checks);
      }
      if (!passes && !hasTurn(address, checks)) return turn(address, checks);
      checks.count++;
      return undefined;
    },

    end(address: string, credential: string, outcome: CheckOutcome): void {
      const checks = byAddress.get(address) as Checks;
      checks.count--;
      if (outcome === 'failed') failures.take(address);
      if (outcome === 'accepted') {
        accepted.delete(credential);
        // A map keeps the order of insertion, so the first is the oldest.
        if (accepted.size >= maxAccepted) accepted.delete(accepted.keys().next().value as string);
        accepted.set(credential, performance.now() + acceptedMs);
      }
      if (checks.waiting.size > 0) wakeNext(address, checks);
      if (checks.count === 0 && checks.waiting.size === 0) byAddress.delete(address);
    },
  };
}
