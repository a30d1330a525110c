import { monitorEventLoopDelay } from 'node:perf_hooks';
import { maxDescriptors, openDescriptors } from './descriptors.ts';
import { logLinesLost } from './log.ts';
import { Tally } from './tally.ts';

/** Upper bounds of the tool-call histogram's buckets, in seconds. */
const latencyBounds = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60];

/** Milliseconds between two looks at how late the event loop is. */
const resolution = 100;

export type Metrics = ReturnType<typeof createMetrics>;

/**
 * What the server counts, and its page in Prometheus's text format.
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export function createMetrics() {
  const sessionsClosed = new Tally();
  const messagesFailed = new Tally();
  const requestsRejected = new Tally();
  let sessionsOpen = 0;
  let sessionsOpened = 0;
  let received = 0;
  let receivedBytes = 0;
  let delivered = 0;
  let deliveredBytes = 0;
  const authFailures = new Tally();
  const connectionsClosed = new Tally();
  let connectionsOpen = () => 0;
  let sessionsWaiting = () => 0;
  const sessionsResumed = new Tally();
  let askedInVain = 0;
  let uncaughtErrors = 0;
  const descriptorLimit = maxDescriptors();
  const tools = new Map<string, ToolCounts>();
  const loopDelay = monitorEventLoopDelay({ resolution });
  loopDelay.enable();

  return {
    sessionOpened() {
      sessionsOpen++;
      sessionsOpened++;
    },
    sessionClosed(reason: string) {
      sessionsOpen--;
      sessionsClosed.add(reason);
    },
    messageReceived(bytes: number) {
      received++;
      receivedBytes += bytes;
    },
    messageDelivered(bytes: number) {
      delivered++;
      deliveredBytes += bytes;
    },
    /** A message that could not be taken or sent, by the code of the refusal. */
    messageFailed(code: string) {
      messagesFailed.add(code);
    },
    requestRejected(status: number) {
      requestsRejected.add(String(status));
    },
    /** A request with no or a bad credential, by what was wrong with it: a closed list. */
    authFailed(reason: string) {
      authFailures.add(reason);
    },
    /** A connection for which there was no room, or that made room for another. */
    connectionClosed(outcome: 'refused' | 'given_up') {
      connectionsClosed.add(outcome);
    },
    /** Where figures come from that others keep. */
    watch({ connections, waiting }: { connections: () => number; waiting: () => number }) {
      connectionsOpen = connections;
      sessionsWaiting = waiting;
    },
    /** A client came back to its session: it named an event, or answered which session is its own. */
    sessionResumed(by: 'event' | 'answer') {
      sessionsResumed.add(by);
    },
    /** A client that came back was asked, and named no session. */
    sessionAskedInVain() {
      askedInVain++;
    },
    uncaughtError() {
      uncaughtErrors++;
    },
    /** @param tool its name, or `unknown` */
    toolCallFinished(tool: string, outcome: string, seconds: number) {
      let counts = tools.get(tool);
      if (counts === undefined) {
        counts = { outcomes: new Tally(), within: latencyBounds.map(() => 0), calls: 0, seconds: 0 };
        tools.set(tool, counts);
      }
      const { outcomes, within } = counts;
      outcomes.add(outcome);
      counts.calls++;
      counts.seconds += seconds;
      for (let i = within.length - 1; i >= 0 && seconds <= (latencyBounds[i] as number); i--) {
        (within[i] as number)++;
      }
    },
    /** The page that Prometheus scrapes. */
    page(): string {
      // What is measured includes the time between two looks. It counts from the last page on, so that a slow
      // moment shows once.
      const delay = Math.max(0, loopDelay.max / 1e9 - resolution / 1000);
      loopDelay.reset();
      const { rss, heapUsed } = process.memoryUsage();
      const { user, system } = process.cpuUsage();

      return [
        ...metric('gauge', 'mcp_sessions_open', 'Sessions open now.', sessionsOpen),
        ...metric('counter', 'mcp_sessions_opened_total', 'Sessions opened.', sessionsOpened),
        ...metric('counter', 'mcp_sessions_closed_total', 'Sessions closed.', sessionsClosed, 'reason'),
        ...metric(
          'gauge',
          'mcp_sessions_waiting',
          'Sessions that wait for their clients.',
          sessionsWaiting(),
        ),
        ...metric('counter', 'mcp_sessions_resumed_total', 'Sessions resumed.', sessionsResumed, 'by'),
        ...metric(
          'counter',
          'mcp_sessions_asked_in_vain_total',
          'Clients that were asked for their session and named none.',
          askedInVain,
        ),
        ...metric('counter', 'mcp_messages_received_total', 'JSON-RPC messages received.', received),
        ...metric(
          'counter',
          'mcp_messages_received_bytes_total',
          'Bytes of messages received.',
          receivedBytes,
        ),
        ...metric('counter', 'mcp_messages_delivered_total', 'JSON-RPC messages sent.', delivered),
        ...metric('counter', 'mcp_messages_delivered_bytes_total', 'Bytes of messages sent.', deliveredBytes),
        ...metric('counter', 'mcp_messages_failed_total', 'Messages refused.', messagesFailed, 'code'),
        ...metric(
          'counter',
          'mcp_auth_failures_total',
          'Requests with no or a bad credential.',
          authFailures,
          'reason',
        ),
        ...metric('counter', 'mcp_requests_rejected_total', 'Requests refused.', requestsRejected, 'status'),
        ...toolCalls(tools),
        ...metric(
          'gauge',
          'nodejs_eventloop_delay_seconds',
          'Longest event-loop delay since the last scrape.',
          delay,
        ),
        ...metric('gauge', 'mcp_connections_open', 'Connections open now.', connectionsOpen()),
        ...metric(
          'counter',
          'mcp_connections_dropped_total',
          'Connections that were refused, or given up for others, since there were too many.',
          connectionsClosed,
          'outcome',
        ),
        ...metric('counter', 'mcp_uncaught_errors_total', 'Errors that nothing caught.', uncaughtErrors),
        ...metric(
          'counter',
          'mcp_log_lines_lost_total',
          'Log lines lost to a reader that stalled.',
          logLinesLost(),
        ),
        ...optionalGauge('process_open_fds', 'Open file descriptors.', openDescriptors()),
        ...optionalGauge('process_max_fds', 'File descriptors that may be open.', descriptorLimit),
        ...metric('counter', 'process_cpu_seconds_total', 'CPU time used.', (user + system) / 1e6),
        ...metric('gauge', 'process_resident_memory_bytes', 'Resident memory.', rss),
        ...metric('gauge', 'nodejs_heap_used_bytes', 'JavaScript heap in use.', heapUsed),
        ...metric(
          'gauge',
          'process_start_time_seconds',
          'When the process started.',
          performance.timeOrigin / 1000,
        ),
        '',
      ].join('\n');
    },
  };
}

/** What is counted of one tool. */
interface ToolCounts {
  outcomes: Tally;
  /** Calls that took no longer than each of the bounds. */
  within: number[];
  calls: number;
  seconds: number;
}

function toolCalls(tools: Map<string, ToolCounts>): string[] {
  const total = 'mcp_tool_calls_total';
  const duration = 'mcp_tool_call_duration_seconds';
  const labelled = [...tools].map(([tool, counts]) => ({ label: `tool="${escaped(tool)}"`, ...counts }));
  return [
    `# HELP ${total} Tool calls that ended.`,
    `# TYPE ${total} counter`,
    ...labelled.flatMap(({ label, outcomes }) =>
      [...outcomes].map(([outcome, count]) => `${total}{${label},outcome="${outcome}"} ${count}`),
    ),
    `# HELP ${duration} Time from a tool call to its result.`,
    `# TYPE ${duration} histogram`,
    ...labelled.flatMap(({ label, within, calls, seconds }) => [
      ...latencyBounds.map((le, i) => `${duration}_bucket{${label},le="${le}"} ${within[i]}`),
      `${duration}_bucket{${label},le="+Inf"} ${calls}`,
      `${duration}_sum{${label}} ${seconds}`,
      `${duration}_count{${label}} ${calls}`,
    ]),
  ];
}

/** The SDK only warns of a name with odd characters. */
function escaped(label: string): string {
  return label.replace(/[\\"\n]/g, (character) => (character === '\n' ? '\\n' : `\\${character}`));
}

/** A gauge that not every system has. */
function optionalGauge(name: string, help: string, value: number | undefined): string[] {
  return value === undefined ? [] : metric('gauge', name, help, value);
}

/** One metric in Prometheus's format; a tally has a sample for each value of its label. */
export function metric(
  type: 'counter' | 'gauge',
  name: string,
  help: string,
  value: number | Tally,
  label?: string,
): string[] {
  const samples =
    typeof value === 'number'
      ? [`${name} ${value}`]
      : [...value].map(([key, count]) => `${name}{${label}="${key}"} ${count}`);
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...samples];
}
