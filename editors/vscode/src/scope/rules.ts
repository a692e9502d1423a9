/**
 * What `.lowtide.toml` and `.lowtideignore` become when a file is taken in or left out.
 *
 * Invariant: everything else in them stays byte for byte; what is there already is not written twice.
 */

const HEADER = /^[ \t]*\[[ \t]*index[ \t]*\][ \t]*(?:#.*)?$/;

/** The text of `.lowtide.toml` with `key = true` under `[index]`. */
export function withSwitch(text: string, key: string): string {
  const lines = text.split('\n');
  const header = lines.findIndex((line) => HEADER.test(line.replace(/\r$/, '')));
  if (header < 0) {
    const gap = text === '' ? '' : text.endsWith('\n') ? '\n' : '\n\n';
    return `${text}${gap}[index]\n${key} = true\n`;
  }
  const own = new RegExp(`^([ \\t]*${key}[ \\t]*=[ \\t]*)(?:true|false)(.*)$`);
  for (let at = header + 1; at < lines.length && !/^[ \t]*\[/.test(lines[at] ?? ''); at += 1) {
    const match = own.exec(lines[at] ?? '');
    if (match) {
      lines[at] = `${match[1]}true${match[2]}`;
      return lines.join('\n');
    }
  }
  lines.splice(header + 1, 0, `${key} = true`);
  return lines.join('\n');
}

/** The text of `.lowtideignore` with this line at its end: a later line decides. */
export function withLine(text: string, line: string): string {
  const lines = text.split(/\r?\n/).filter((one) => one !== '');
  if (lines.at(-1) === line) {
    return text;
  }
  return `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${line}\n`;
}

/** The line that leaves a file or a folder out: just this one, whatever is in its name. */
export function leaveOutLine(relative: string, isFolder: boolean): string {
  return `/${relative.replace(/([*?[\]\\ ])/g, '\\$1')}${isFolder ? '/' : ''}`;
}
