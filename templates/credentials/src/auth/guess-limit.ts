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
  /** Checks under way, and those that wait for them, by address. */
  const underWay = new Map<string, { count: number; waiting: (() => void)[] }>();
  let waiting = 0;

  /** Waits until the checks under way leave a failure to spare. @throws {HttpError} `too_many_requests` */
  async function turn(address: string): Promise<void> {
    const waitMs = failures.wait(address);
    if (waitMs > 0) throw retryLater('too_many_failures', waitMs);
    const checks = underWay.get(address);
    if (checks === undefined || checks.count < Math.floor(failures.left(address))) return;
    if (waiting >= maxWaiting) throw retryLater('too_many_failures', maxWaitMs);
    waiting++;
    let timer: NodeJS.Timeout | undefined;
    const came = await new Promise<boolean>((resolve) => {
      checks.waiting.push(() => resolve(true));
      timer = setTimeout(resolve, maxWaitMs, false);
    });
    clearTimeout(timer);
    waiting--;
    if (!came) throw retryLater('too_many_failures', maxWaitMs);
    await turn(address);
  }

  return {
    /**
     * Begins a check.
     *
     * @param credential what is checked, to recognise it again
     * @returns ends it; `failed` counts it as a guess
     * @throws {HttpError} `too_many_requests`
     */
    async begin(
      address: string,
      credential: string,
    ): Promise<(outcome: 'accepted' | 'failed' | 'neither') => void> {
      const now = performance.now();
      if ((accepted.get(credential) ?? 0) < now) await turn(address);
      const checks = underWay.get(address) ?? { count: 0, waiting: [] };
      underWay.set(address, checks);
      checks.count++;
      return (outcome) => {
        checks.count--;
        if (outcome === 'failed') failures.take(address);
        if (outcome === 'accepted') remember(credential, now);
        for (const wake of checks.waiting.splice(0)) wake();
        if (checks.count === 0 && checks.waiting.length === 0) underWay.delete(address);
      };
    },
  };

  function remember(credential: string, now: number): void {
    accepted.delete(credential);
    // A map keeps the order of insertion, so the first is the oldest.
    if (accepted.size >= maxAccepted) accepted.delete(accepted.keys().next().value as string);
    accepted.set(credential, now + acceptedMs);
  }
}
