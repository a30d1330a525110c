// Pictures as SVG, readable on a light and on a dark page.

const width = 760;
const labelWidth = 270;
const valueWidth = 110;
const rowHeight = 26;

const style = `<style>
  text { font: 13px system-ui, sans-serif; fill: #1f2328; }
  .title { font-weight: 600; font-size: 15px; }
  .note { fill: #59636e; }
  .ours { fill: #1f6feb; } .peer { fill: #8c959f; } .floor { fill: none; stroke: #8c959f; }
  .spread { stroke: #1f2328; } .axis { stroke: #d1d9e0; }
  .line { fill: none; stroke-width: 2; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; } .note { fill: #9198a1; } .spread { stroke: #f0f6fc; } .axis { stroke: #3d444d; }
  }
</style>`;

/**
 * Bars, one below the other.
 *
 * @param rows each with `label`, `kind` (ours, peer or floor) and `value` with median, min and max, or an `error`
 * @param digits after the point
 */
export function barChart({ title, note, rows, digits = 0 }) {
  const top = 52;
  const most = Math.max(...rows.flatMap(({ value }) => value?.max ?? []));
  const scale = (width - labelWidth - valueWidth) / most;
  const bars = rows.map(({ label, kind, value, error }, index) => {
    const y = top + index * rowHeight;
    const name = `<text x="${labelWidth - 8}" y="${y + 15}" text-anchor="end">${escapeXml(label)}</text>`;
    if (value === undefined) {
      return `${name}<text class="note" x="${labelWidth}" y="${y + 15}">failed: ${escapeXml(shorten(error))}</text>`;
    }
    const end = labelWidth + value.median * scale;
    const [from, to] = [value.min, value.max].map((edge) => labelWidth + edge * scale);
    return [
      name,
      `<rect class="${kind}" x="${labelWidth}" y="${y + 3}" width="${round(end - labelWidth)}" height="16" rx="2"/>`,
      `<line class="spread" x1="${round(from)}" x2="${round(to)}" y1="${y + 11}" y2="${y + 11}"/>`,
      `<text x="${round(Math.max(end, to) + 6)}" y="${y + 15}">${format(value.median, digits)}</text>`,
    ].join('');
  });
  return svg(title, note, top + rows.length * rowHeight + 8, bars);
}

/** Peers among lines: told apart, and seen on a light and on a dark page. */
const peerColours = ['#1a7f37', '#bf3989', '#9a6700', '#8250df', '#cf222e'];

/**
 * Lines over a few steps of x that are drawn evenly spaced. Each ends in its label.
 *
 * @param steps the values of x
 * @param lines each with `label`, `kind` and `values`, one for each step
 */
export function lineChart({ title, note, xLabel, steps, lines }) {
  const [left, top, bottom, right] = [60, 60, 460, width - 290];
  const gridStep = 100;
  const most = Math.max(...lines.flatMap(({ values }) => values.filter(Number.isFinite)));
  const highest = Math.ceil(most / gridStep);
  const x = (index) => left + (index * (right - left)) / (steps.length - 1);
  const y = (value) => bottom - (value / (highest * gridStep)) * (bottom - top);
  const axis = Array.from({ length: highest + 1 }, (_, index) => {
    const at = round(y(index * gridStep));
    const label = `<text class="note" x="${left - 8}" y="${at + 4}" text-anchor="end">${format(index * gridStep)}</text>`;
    return `<line class="axis" x1="${left}" x2="${right}" y1="${at}" y2="${at}"/>${label}`;
  });
  const ticks = steps.map(
    (step, index) =>
      `<text class="note" x="${x(index)}" y="${bottom + 20}" text-anchor="middle">${step.toLocaleString('en')}</text>`,
  );
  const peers = lines.filter(({ kind }) => kind === 'peer');
  const colourOf = (line) =>
    ({ ours: '#1f6feb', floor: '#8c959f' })[line.kind] ??
    peerColours[peers.indexOf(line) % peerColours.length];
  const ended = lines.map((line) => {
    const end = y(line.values.findLast(Number.isFinite));
    return { ...line, colour: colourOf(line), end, y: end };
  });
  const drawn = spaced(ended).map(({ label, kind, colour, values, end, y: labelY }) => {
    const points = values.flatMap((value, index) =>
      Number.isFinite(value) ? `${round(x(index))},${round(y(value))}` : [],
    );
    const dash = kind === 'floor' ? ' stroke-dasharray="4 4"' : '';
    return (
      `<polyline class="line" stroke="${colour}"${dash} points="${points.join(' ')}"/>` +
      `<line stroke="${colour}" x1="${right}" x2="${right + 24}" y1="${round(end)}" y2="${round(labelY)}"/>` +
      `<text x="${right + 28}" y="${round(labelY) + 4}">${escapeXml(label)}</text>`
    );
  });
  const caption = `<text class="note" x="${(left + right) / 2}" y="${bottom + 42}" text-anchor="middle">${xLabel}</text>`;
  return svg(title, note, bottom + 56, [...axis, ...ticks, ...drawn, caption]);
}

/** Moves labels apart that would be written over one another. */
function spaced(lines) {
  const sorted = [...lines].sort((a, b) => a.y - b.y);
  for (let index = 1; index < sorted.length; index++) {
    sorted[index].y = Math.max(sorted[index].y, sorted[index - 1].y + 16);
  }
  return sorted;
}

function svg(title, note, height, parts) {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeXml(title)}">`,
    style,
    `<text class="title" x="8" y="20">${escapeXml(title)}</text>`,
    `<text class="note" x="8" y="39">${escapeXml(note)}</text>`,
    ...parts,
    '</svg>\n',
  ].join('\n');
}

function format(value, digits = 0) {
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function shorten(text = 'not measured') {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

function round(value) {
  return Math.round(value * 10) / 10;
}

function escapeXml(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
