// A form from a JSON Schema. Whatever a form cannot express, or not within these bounds, is a field for JSON instead.

import { element, pretty, visible } from './dom.js';

const deepest = 4;
const mostFields = 200;
const mostChoices = 500;
const mostItems = 100;

let lastId = 0;

/**
 * @param {unknown} schema of the arguments
 * @returns `element`, and `read()`: the arguments. It throws an Error that says what is wrong with them.
 */
export function createForm(schema) {
  const context = { root: schema, fields: 0 };
  const fields = fieldsOf(resolve(schema, context), context, 0, {});
  const json = jsonField({ label: 'Arguments as JSON', required: true, initial: {} });
  const asJson = element('input', { type: 'checkbox', id: `field-${++lastId}` });
  const form = element('div', {}, fields?.element ?? '');
  json.element.hidden = fields !== undefined;

  asJson.addEventListener('change', () => {
    form.hidden = asJson.checked;
    json.element.hidden = !asJson.checked;
    if (!asJson.checked) return;
    try {
      json.set(fields.read());
    } catch {
      json.set({});
    }
  });

  const toggle = element(
    'p',
    {},
    asJson,
    ' ',
    element('label', { htmlFor: asJson.id }, 'Write the arguments as JSON'),
  );
  return {
    element: element('div', {}, form, json.element, fields?.count > 0 ? toggle : ''),
    read: () => (fields === undefined || asJson.checked ? json.read() : fields.read()),
  };
}

/** The fields of an object's properties; undefined if they cannot be a form. */
function fieldsOf(schema, context, depth, initial) {
  const { properties = {}, required = [] } = schema;
  if (!isObject(properties) || depth > deepest) return undefined;
  const names = Object.keys(properties);
  context.fields += names.length;
  if (context.fields > mostFields) return undefined;
  const isRequired = new Set(Array.isArray(required) ? required : []);
  const fields = names.map((name) => {
    const own = isObject(initial) && Object.hasOwn(initial, name) ? initial[name] : undefined;
    return [name, createField(properties[name], context, depth, name, isRequired.has(name), own)];
  });
  return {
    count: names.length,
    element: element('div', {}, ...fields.map(([, field]) => field.element)),
    read() {
      const values = fields.map(([name, field]) => [name, field.read()]);
      return Object.fromEntries(values.filter(([, value]) => value !== undefined));
    },
  };
}

/** A field for one value. `read()` gives undefined for what is left out. */
function createField(given, context, depth, name, required, own) {
  const schema = resolve(given, context);
  const initial = own ?? schema.default;
  const settings = { label: visible(name, 100), hint: schema.description, required, initial, schema };
  const choices = choicesOf(schema);
  if (choices) return choiceField(settings, choices);
  if (schema.type === 'string') return textField(settings);
  if (schema.type === 'number' || schema.type === 'integer') return numberField(settings);
  if (schema.type === 'object' && isObject(schema.properties)) {
    const fields = fieldsOf(schema, context, depth + 1, initial);
    if (fields) return objectField(settings, fields);
  }
  if (schema.type === 'array' && isObject(schema.items) && depth < deepest) {
    return arrayField(settings, (label, value) =>
      createField(schema.items, { ...context }, depth + 1, label, true, value),
    );
  }
  return jsonField(settings);
}

/** Follows a `$ref` within the schema, and takes `anyOf: [X, null]` for X. A cycle ends in a field for JSON. */
function resolve(schema, { root }) {
  let found = schema;
  for (let step = 0; step < 20 && isObject(found); step++) {
    const { $ref, anyOf, oneOf, ...rest } = found;
    const variants = (Array.isArray(anyOf) ? anyOf : Array.isArray(oneOf) ? oneOf : []).slice(0, mostChoices);
    const others = variants.filter((variant) => variant?.type !== 'null');
    if (typeof $ref === 'string') found = { ...pointed(root, $ref), ...rest };
    else if (others.length === 1) found = { ...others[0], ...rest };
    else if (Array.isArray(found.type)) {
      const types = found.type.filter((type) => type !== 'null');
      return types.length === 1 ? { ...found, type: types[0] } : { ...found, type: undefined };
    } else return found;
  }
  return {};
}

/** https://www.rfc-editor.org/rfc/rfc6901 */
function pointed(root, ref) {
  if (!ref.startsWith('#')) return {};
  let value = root;
  for (const part of ref.slice(1).split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    value = isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  }
  return isObject(value) ? value : {};
}

function choicesOf(schema) {
  const { enum: values, const: only, anyOf, oneOf, type } = schema;
  if (type === 'boolean') return [true, false];
  if (only !== undefined) return [only];
  const variants = anyOf ?? oneOf;
  const constants = Array.isArray(variants) && variants.map((variant) => variant?.const);
  const found = Array.isArray(values) ? values : constants;
  if (!found || found.length === 0 || found.length > mostChoices || found.includes(undefined))
    return undefined;
  return found;
}

/** A label, what it labels, and what is known about it. */
function labelled(control, { label, hint, required }) {
  control.id = `field-${++lastId}`;
  const children = [
    element('label', { htmlFor: control.id }, required ? label : `${label} (optional)`),
    control,
  ];
  if (hint) {
    const note = element('small', { id: `${control.id}-hint` }, visible(hint, 1000));
    control.setAttribute('aria-describedby', note.id);
    children.push(note);
  }
  return element('div', { className: 'field' }, ...children);
}

function textField(settings) {
  const { schema, initial, required } = settings;
  const oneLine = schema.format !== undefined || schema.maxLength <= 100;
  const control = oneLine ? element('input', { type: 'text' }) : element('textarea', { rows: 1 });
  control.spellcheck = false;
  if (typeof initial === 'string') control.value = initial;
  return {
    element: labelled(control, settings),
    read: () => (control.value === '' && !required ? undefined : control.value),
  };
}

function numberField(settings) {
  const { schema, initial, required } = settings;
  const control = element('input', { type: 'number', required, step: schema.type === 'integer' ? 1 : 'any' });
  if (typeof schema.minimum === 'number') control.min = schema.minimum;
  if (typeof schema.maximum === 'number') control.max = schema.maximum;
  if (typeof initial === 'number') control.value = initial;
  return {
    element: labelled(control, settings),
    read: () => (control.value === '' ? undefined : Number(control.value)),
  };
}

function choiceField(settings, choices) {
  const { initial, required } = settings;
  const control = element('select');
  if (!required) control.append(element('option', { value: '' }, '—'));
  for (const [index, choice] of choices.entries()) {
    control.append(element('option', { value: index }, visible(choice, 200)));
  }
  const chosen = choices.indexOf(initial);
  if (chosen !== -1) control.value = chosen;
  return {
    element: labelled(control, settings),
    read: () => (control.value === '' ? undefined : choices[control.value]),
  };
}

function jsonField(settings) {
  const { label, initial, required } = settings;
  const control = element('textarea', { rows: 4, spellcheck: false, className: 'json' });
  const set = (value) => {
    control.value = pretty(value);
  };
  if (initial !== undefined) set(initial);
  const hint = [settings.hint, 'JSON']
    .filter((part) => part !== undefined)
    .map((part) => visible(part, 1000));
  return {
    element: labelled(control, { ...settings, hint: hint.join(' · ') }),
    set,
    read() {
      if (control.value.trim() === '' && !required) return undefined;
      try {
        return JSON.parse(control.value);
      } catch {
        control.focus();
        throw new Error(`${label} must be JSON`);
      }
    },
  };
}

/** What is optional is sent once it is ticked. */
function objectField({ label, hint, required, initial }, fields) {
  const inner = element('fieldset', { disabled: !required && initial === undefined }, fields.element);
  const id = `field-${++lastId}`;
  const tick = element('input', { type: 'checkbox', id, checked: !inner.disabled });
  tick.addEventListener('change', () => {
    inner.disabled = !tick.checked;
  });
  inner.setAttribute('aria-label', label);
  const heading = required
    ? element('p', {}, label)
    : element('p', {}, tick, ' ', element('label', { htmlFor: id }, `${label} (optional)`));
  const note = hint ? element('small', {}, visible(hint, 1000)) : '';
  return {
    element: element('div', { className: 'field group' }, heading, note, inner),
    read: () => (inner.disabled ? undefined : fields.read()),
  };
}

function arrayField({ label, hint, required, initial }, createItem) {
  const items = new Set();
  const list = element('div');
  const add = element('button', { type: 'button' }, `Add to ${label}`);
  add.addEventListener('click', () => {
    addItem();
    list.lastChild.querySelector('input, textarea, select')?.focus();
  });

  function addItem(value) {
    const item = createItem(`Item of ${label}`, value);
    const remove = element('button', { type: 'button' }, 'Remove');
    remove.setAttribute('aria-label', `Remove this item of ${label}`);
    const row = element('div', { className: 'item' }, item.element, remove);
    remove.addEventListener('click', () => {
      items.delete(item);
      row.remove();
      add.disabled = false;
      add.focus();
    });
    items.add(item);
    list.append(row);
    add.disabled = items.size >= mostItems;
  }

  for (const value of Array.isArray(initial) ? initial.slice(0, mostItems) : []) addItem(value);
  const note = hint ? element('small', {}, visible(hint, 1000)) : '';
  const heading = element('p', {}, required ? label : `${label} (optional)`);
  return {
    element: element('div', { className: 'field group' }, heading, note, list, add),
    read: () => (items.size === 0 && !required ? undefined : [...items].map((item) => item.read())),
  };
}

function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
