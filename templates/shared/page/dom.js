// What comes from the server is text here and nothing else: this page never makes markup of it.

/** An element with these properties and children; strings become text. */
export function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

/** Control characters and those that reorder text: they could make a name look like another. */
const invisible = /(?![\t\n\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Text as it may be shown: of bounded length, with its invisible characters written out. */
export function visible(value, longest = 100_000) {
  const text = typeof value === 'string' ? value : pretty(value);
  const shown = text
    .slice(0, longest)
    .replace(invisible, (character) => `\\u{${character.codePointAt(0).toString(16)}}`);
  return text.length > longest ? `${shown}… (${text.length.toLocaleString('en')} characters)` : shown;
}

/** JSON in lines, unless its indentation would be most of it. */
export function pretty(value) {
  try {
    return JSON.stringify(value, null, isDeep(value, 30) ? 0 : 2) ?? '';
  } catch {
    return 'This value is nested too deeply to be shown.';
  }
}

function isDeep(value, levels) {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isDeep(inner, levels - 1));
}
