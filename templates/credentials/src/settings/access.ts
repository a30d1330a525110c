import type { Environment } from './environment.ts';

/** What needs a credential. */
export function accessSettings(env: Environment, answers: { protect: readonly string[] }) {
  const protect = env.list(
    'PROTECT',
    answers.protect,
    /^(sse|messages)$/,
    'a comma-separated list of sse, messages',
    'Endpoints that need a credential: `sse`, `messages` or both. Streamable HTTP follows `messages`.',
  );
  const metricsToken = env.secret(
    'METRICS_TOKEN',
    'A bearer token for the scraper of /metrics, at least 22 characters long. If it is set, nothing else opens /metrics.',
  );
  if (metricsToken !== '' && !/^[!-~]{22,}$/.test(metricsToken)) {
    env.refuse('METRICS_TOKEN must have at least 22 visible ASCII characters');
  }
  return {
    metricsToken: metricsToken || undefined,
    auth: {
      endpoints: { sse: protect.includes('sse'), messages: protect.includes('messages') },
      failuresPerMinute: env.wholeNumber(
        'AUTH_FAILURES_PER_MINUTE',
        20,
        { min: 1, max: 1_000_000 },
        'Bad credentials a minute from one address before it has to wait.',
      ),
    },
    metrics: env.oneOf(
      'METRICS',
      'protected',
      ['off', 'public', 'protected'],
      'Who may read /metrics: nobody (`off`), everybody (`public`), or callers with a credential (`protected`).',
    ),
  };
}
