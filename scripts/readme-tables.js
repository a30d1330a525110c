// The tables of the README that derive from the source. A test compares them with the README.

/** The README with current tables between their markers. */
export function withTables(readme, { allQuestions, exitStatuses }) {
  return replace(
    replace(readme, 'questions', questionsTable(allQuestions)),
    'exit-statuses',
    statusTable(exitStatuses),
  );
}

function replace(text, name, table) {
  const [start, end] = [`<!-- ${name}: written by npm run readme -->`, `<!-- /${name} -->`];
  const [from, to] = [text.indexOf(start), text.indexOf(end)];
  if (from === -1 || to === -1) throw new Error(`the README has no markers for ${name}`);
  return `${text.slice(0, from)}${start}\n${table}\n${text.slice(to)}`;
}

function questionsTable(questions) {
  const rows = questions.map(({ title, flag, type, default: value, defaultInWords }) => {
    const isConfirm = type.prompt === 'confirm';
    const shown = defaultInWords ?? (isConfirm ? (value ? 'on' : 'off') : `\`${value}\``);
    return [title, `\`${flag}\``, shown, isConfirm ? '' : choices(type)];
  });
  return table(['question', 'flag', 'default', 'must be'], rows);
}

function choices({ choices, mustBe }) {
  if (choices === undefined) return mustBe;
  return Object.entries(choices)
    .map(([choice, meaning]) => (meaning === '' ? `\`${choice}\`` : `\`${choice}\`: ${meaning}`))
    .join('; ');
}

function statusTable(statuses) {
  return table(['exit status', 'meaning'], Object.entries(statuses));
}

function table(head, rows) {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
