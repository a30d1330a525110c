// The page at `/`: keeps the status current, fills in client settings, and tries what the server offers.

import { connect, Refused } from './connection.js';
import { element, visible } from './dom.js';
import { createOffer } from './offer.js';

const part = (id) => document.getElementById(id);
const { health, sse, streamableHttp, header, placeholder } = document.body.dataset;

const mostOffers = 2000;
const mostMessages = 200;

// The status

function duration(seconds) {
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  if (days > 0) return `${days} d ${hours % 24} h`;
  if (hours > 0) return `${hours} h ${minutes % 60} min`;
  if (minutes > 0) return `${minutes} min ${seconds % 60} s`;
  return `${seconds} s`;
}

async function refresh() {
  let state = 'Not reachable';
  try {
    const response = await fetch(health);
    state = response.ok ? 'Running' : 'Not ready';
    if (response.ok) {
      const { sessions, uptimeSeconds } = await response.json();
      part('sessions').textContent = sessions;
      part('uptime').textContent = `up ${duration(uptimeSeconds)}`;
    }
  } catch {}
  part('health').textContent = state;
  part('health').className = state === 'Running' ? '' : 'bad';
  setTimeout(refresh, 3000);
}
refresh();

// The client settings

for (const text of document.querySelectorAll('pre')) {
  const button = element('button', { type: 'button' }, 'Copy');
  button.addEventListener('click', async () => {
    // Browsers give a clipboard to pages on HTTPS and on this machine; elsewhere the text is at least selected.
    getSelection().selectAllChildren(text);
    await navigator.clipboard?.writeText(text.textContent);
    button.textContent = navigator.clipboard ? 'Copied' : 'Press Ctrl+C';
  });
  text.before(button);
  text.dataset.template = text.textContent;
}

/** Only what no shell and no configuration file reads more into is filled in. */
function fillIn(credential) {
  const filled = /^[\w.~+/=:-]+$/.test(credential) ? credential : placeholder;
  for (const text of document.querySelectorAll('pre[data-template]')) {
    text.textContent = text.dataset.template.replaceAll(placeholder, () => filled);
  }
}

// The messages

function seen(direction, text) {
  const time = new Date().toTimeString().slice(0, 8);
  const milliseconds = String(Date.now() % 1000).padStart(3, '0');
  const arrow = direction === 'sent' ? '→' : '←';
  const summary = element(
    'summary',
    {},
    element('time', {}, `${time}.${milliseconds}`),
    element('span', { className: direction }, ` ${arrow} ${direction} `),
    element('code', {}, kindOf(text)),
  );
  part('traffic').prepend(
    element(
      'li',
      {},
      element('details', {}, summary, element('pre', { tabIndex: 0 }, visible(text, 20_000))),
    ),
  );
  while (part('traffic').childElementCount > mostMessages) part('traffic').lastChild.remove();
  part('traffic').hidden = false;
  part('clear-traffic').hidden = false;
  part('traffic-note').textContent = `The last ${mostMessages} messages, the newest first.`;
}

function kindOf(text) {
  const { method, id, error } = text.length < 1_000_000 ? (JSON.parse(text) ?? {}) : {};
  if (typeof method === 'string') return visible(method, 100);
  return `${error ? 'error' : 'reply'}${id === undefined ? '' : ` to ${visible(id, 100)}`}`;
}

part('clear-traffic').addEventListener('click', () => {
  part('traffic').replaceChildren();
  part('traffic').hidden = true;
  part('clear-traffic').hidden = true;
});

// What the server offers

/** Everything in a list of the server, whatever the number of its pages. */
async function listAll(request, method, key) {
  const found = [];
  let cursor;
  do {
    const page = await request(method, cursor === undefined ? {} : { cursor });
    if (Array.isArray(page[key])) found.push(...page[key]);
    cursor = page.nextCursor;
  } while (typeof cursor === 'string' && found.length < mostOffers);
  return found.slice(0, mostOffers).filter((one) => typeof one === 'object' && one !== null);
}

const nothing = { type: 'object' };
const text = { type: 'string' };

const kinds = [
  {
    heading: 'Tools',
    verb: 'Call',
    capability: 'tools',
    list: ['tools/list', 'tools'],
    schema: ({ inputSchema }) => inputSchema,
    call: ({ name }, values) => ['tools/call', { name, arguments: values }],
  },
  {
    heading: 'Resources',
    verb: 'Read',
    capability: 'resources',
    list: ['resources/list', 'resources'],
    schema: () => nothing,
    call: ({ uri }) => ['resources/read', { uri }],
  },
  {
    heading: 'Resource templates',
    verb: 'Read',
    capability: 'resources',
    list: ['resources/templates/list', 'resourceTemplates'],
    schema: ({ uriTemplate }) => ({
      properties: { uri: { ...text, format: 'uri', default: uriTemplate } },
      required: ['uri'],
    }),
    call: (_, { uri }) => ['resources/read', { uri }],
  },
  {
    heading: 'Prompts',
    verb: 'Get',
    capability: 'prompts',
    list: ['prompts/list', 'prompts'],
    schema({ arguments: given }) {
      const named = (Array.isArray(given) ? given : []).filter((one) => typeof one?.name === 'string');
      return {
        properties: Object.fromEntries(
          named.map(({ name, description }) => [name, { ...text, description }]),
        ),
        required: named.filter(({ required }) => required === true).map(({ name }) => name),
      };
    },
    call: ({ name }, values) => ['prompts/get', { name, arguments: values }],
  },
];

async function showOffers({ server, request }) {
  const offers = document.createDocumentFragment();
  for (const kind of kinds) {
    if (server.capabilities?.[kind.capability] === undefined) continue;
    let found = [];
    try {
      found = await listAll(request, ...kind.list);
    } catch (error) {
      if (kind.heading !== 'Resource templates') throw error; // Some servers have resources, but not these.
    }
    if (found.length > 0) offers.append(...section(kind, found, request));
  }
  if (!offers.hasChildNodes()) offers.append(element('p', {}, 'The server offers nothing to this caller.'));
  part('offers').replaceChildren(offers);
}

function section(kind, found, request) {
  const entries = found.map((one) => {
    const { name, title, description, uri, uriTemplate } = one;
    const label = visible(String(name ?? uri ?? uriTemplate ?? 'without a name'), 200);
    const searched = `${name} ${title} ${String(description).slice(0, 2000)} ${uri}`.toLowerCase();
    const make = {
      label,
      description,
      verb: kind.verb,
      schema: kind.schema(one),
      hint: title ?? uri ?? uriTemplate,
    };
    const call = (values, options) => request(...kind.call(one, values), options);
    return { node: createOffer(make, call), searched };
  });
  const heading = element('h3', {}, kind.heading, ' ', element('small', {}, String(found.length)));
  const list = element('div', {}, ...entries.map(({ node }) => node));
  return found.length > 8 ? [heading, filterOf(kind.heading, entries), list] : [heading, list];
}

function filterOf(heading, entries) {
  const filter = element('input', { type: 'search', placeholder: 'Filter' });
  filter.setAttribute('aria-label', `Filter ${heading.toLowerCase()}`);
  filter.addEventListener('input', () => {
    const wanted = filter.value.toLowerCase();
    for (const { node, searched } of entries) node.hidden = !searched.includes(wanted);
  });
  return filter;
}

// The connection

let connection;

function say(state, message) {
  part('connection').className = state;
  part('connection').textContent = message;
}

function showConnected(isConnected) {
  part('connect').querySelector('button').textContent = isConnected ? 'Disconnect' : 'Connect';
  part('credential').disabled = isConnected;
  part('transport').disabled = isConnected;
  if (!isConnected) connection = undefined;
}

/** A token is sent as `Bearer`, unless its scheme stands before it. */
function credentialHeaders(credential) {
  if (!header || credential === '') return {};
  const isBearer = header.toLowerCase() === 'authorization' && !credential.includes(' ');
  return { [header]: isBearer ? `Bearer ${credential}` : credential };
}

function whyRefused(error) {
  if (!(error instanceof Refused)) return visible(error.message, 500);
  if (error.status === 401) return `The credential was refused: ${visible(error.message, 500)}`;
  return `Refused (${error.status}): ${visible(error.message, 500)}`;
}

async function open() {
  const transport = part('transport').value;
  const credential = part('credential').value.trim();
  say('', 'Connecting…');
  try {
    const url = transport === 'sse' ? sse : streamableHttp;
    connection = await connect(
      { transport, url, headers: credentialHeaders(credential) },
      {
        seen,
        notified(method) {
          if (!method.endsWith('/list_changed')) return;
          say('', 'What the server offers has changed. Connect again to see it.');
        },
        ended(reason) {
          showConnected(false);
          say('bad', reason);
        },
      },
    );
    const { name, version } = connection.server.serverInfo ?? {};
    const accepted = header && credential !== '' ? 'The credential is good. ' : '';
    showConnected(true);
    say('good', `${accepted}Connected to ${visible(`${name} ${version}`, 200)}.`);
    await showOffers(connection);
  } catch (error) {
    connection?.close();
    showConnected(false);
    say('bad', whyRefused(error));
  }
}

async function close() {
  await connection.close();
  showConnected(false);
  part('offers').replaceChildren();
  say('', 'Disconnected.');
}

part('connect').addEventListener('submit', async (event) => {
  event.preventDefault();
  const button = part('connect').querySelector('button');
  button.disabled = true;
  await (connection ? close() : open());
  button.disabled = false;
});

part('credential-field').hidden = !header;
part('credential-field').querySelector('label').textContent = `Credential (${header})`;
part('credential').addEventListener('input', () => fillIn(part('credential').value.trim()));
if (!streamableHttp) {
  part('transport').value = 'sse';
  part('transport-field').hidden = true;
}
part('try').hidden = false;
