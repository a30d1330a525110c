// One tool, resource or prompt: its form, its call, and what came of it.

import { element, pretty, visible } from './dom.js';
import { createForm } from './form.js';

/** The longest image that is shown, in characters of base64. */
const longestImage = 20_000_000;
const mostBlocks = 200;

/**
 * @param {{ label: string, hint?: unknown, description?: unknown, verb: string, schema: unknown }} offer
 * @param {(values: object, options: object) => Promise<object>} call
 */
export function createOffer({ label, hint, description, verb, schema }, call) {
  const summary = element('summary', {}, element('code', {}, label));
  if (hint) summary.append(' ', element('small', {}, visible(String(hint), 200)));
  const details = element('details', { className: 'offer' }, summary);
  // With hundreds of tools, only the form that is looked at is made.
  details.addEventListener('toggle', () => details.append(...body()), { once: true });
  return details;

  function body() {
    const fields = createForm(schema);
    const submit = element('button', { type: 'submit', className: 'primary' }, verb);
    const cancel = element('button', { type: 'button', hidden: true }, 'Cancel');
    const progress = element('progress', { hidden: true });
    progress.setAttribute('aria-label', `Progress of ${label}`);
    const state = element('span');
    state.role = 'status';
    const output = element('div', { className: 'output' });
    const buttons = element('p', { className: 'row' }, submit, cancel, progress, state);
    const form = element('form', {}, fields.element, buttons);

    form.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    });
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      if (!submit.disabled) run();
    });

    async function run() {
      const started = performance.now();
      const cancelling = new AbortController();
      const stop = () => cancelling.abort();
      try {
        const values = fields.read();
        submit.disabled = true;
        cancel.hidden = false;
        cancel.addEventListener('click', stop);
        output.replaceChildren();
        say('', 'Running…');
        const result = await call(values, { progressed, signal: cancelling.signal });
        say(result.isError ? 'bad' : 'good', `${result.isError ? 'Error' : 'Done'}, ${elapsed(started)}`);
        output.append(...blocksOf(result));
      } catch (error) {
        say('bad', visible(error.message, 2000));
        if (error.cause?.data !== undefined) output.append(block(error.cause.data));
      } finally {
        if (document.activeElement === cancel) submit.focus();
        cancel.removeEventListener('click', stop);
        cancel.hidden = true;
        progress.hidden = true;
        submit.disabled = false;
      }
    }

    function say(className, message) {
      state.className = className;
      state.textContent = message;
    }

    function progressed({ progress: done, total, message }) {
      progress.hidden = false;
      if (total > 0) {
        progress.max = total;
        progress.value = Math.min(Math.max(0, Number(done) || 0), total);
      } else {
        progress.removeAttribute('value');
      }
      state.textContent = message === undefined ? 'Running…' : visible(String(message), 500);
    }

    const note = description
      ? [element('p', { className: 'description' }, visible(String(description), 5000))]
      : [];
    return [...note, form, output];
  }
}

function elapsed(started) {
  return `${Math.round(performance.now() - started)} ms`;
}

/** What a result shows: the content of a tool, a resource or a prompt. */
function blocksOf({ content, contents, messages, structuredContent }) {
  const blocks = [content, contents, messages].filter(Array.isArray).flat();
  const shown = blocks
    .slice(0, mostBlocks)
    .map((one) => contentBlock(one?.role ? one.content : one, one?.role));
  if (blocks.length > mostBlocks)
    shown.push(element('p', {}, `${blocks.length - mostBlocks} more in Messages`));
  if (structuredContent !== undefined) shown.push(block(structuredContent, 'Structured'));
  return shown.length > 0 ? shown : [element('p', {}, 'The result is empty.')];
}

function contentBlock(content, role) {
  const label = role === undefined ? undefined : visible(String(role), 100);
  if (typeof content?.text === 'string') return block(content.text, label);
  const { data, blob, mimeType } = content ?? {};
  return imageOf(data ?? blob, mimeType) ?? block(content, label);
}

/** Images that can hold no script and load nothing; all others stay text. */
function imageOf(data, type) {
  if (!/^image\/(png|jpeg|gif|webp)$/.test(type) || typeof data !== 'string') return undefined;
  if (data.length > longestImage || !/^[\w+/]+={0,2}$/.test(data)) return undefined;
  return element('img', { src: `data:${type};base64,${data}`, alt: 'Image in the result' });
}

function block(value, label) {
  const text = element('pre', { tabIndex: 0 }, visible(typeof value === 'string' ? value : pretty(value)));
  if (label === undefined) return text;
  return element('div', {}, element('p', { className: 'label' }, label), text);
}
