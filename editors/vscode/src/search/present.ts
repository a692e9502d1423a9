/** A hit in words: name, place, and the line of it that says most. */

import type { SearchHit } from '../protocol';
import { lineOf } from './place';
import { ageOf } from './remoteText';

export interface Line {
  icon: string;
  name: string;
  place: string;
  /** Where one gets to, and where what is shown begins, from 1. */
  line: number;
  snippet: string;
  /** It is the best there is, and likely no answer. */
  weak: boolean;
}

const LONGEST_SNIPPET = 160;

/** `relative`: the file's path as the user knows it. */
export function presentHit(hit: SearchHit, relative: string): Line {
  const base = relative.slice(relative.lastIndexOf('/') + 1);
  const name = hit.name ? (hit.container ? `${hit.container}.${hit.name}` : hit.name) : base;
  const { remote } = hit;
  const line = lineOf(hit) + 1;
  return {
    icon: remote ? 'cloud' : iconOf(hit.kind),
    name,
    place: remote ? `${remote.path}:${line} · ${remote.repository}, ${ageOf(remote)}` : `${relative}:${line}`,
    line,
    snippet: snippetOf(shownOf(hit)),
    weak: hit.weak === true,
  };
}

/** What stands from that line on, as far as the snippet tells; a definition's first line is known without it. */
function shownOf(hit: SearchHit): string {
  const skipped = lineOf(hit) - (hit.snippetLine ?? hit.range.start.line);
  const lines = hit.snippet.split('\n');
  if (skipped >= 0 && skipped < lines.length) {
    return lines.slice(skipped).join('\n');
  }
  return hit.definition?.signature ? `${hit.definition.signature}\n${hit.snippet}` : hit.snippet;
}

/** The codicon of a symbol's kind. */
export function iconOf(kind: string): string {
  if (kind === 'text' || kind === '') {
    return 'file-text';
  }
  return kind === 'file' ? 'file' : `symbol-${kind}`;
}

/** The first lines that are more than brackets, on one line. */
export function snippetOf(text: string): string {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => /\w/.test(line));
  const joined = lines
    .slice(0, 4)
    .join('  ')
    .replace(/\s{3,}/g, '  ');
  // `$(name)` would become an icon.
  const plain = joined.replaceAll('$(', '$\u200b(');
  return plain.length > LONGEST_SNIPPET ? `${plain.slice(0, LONGEST_SNIPPET - 1)}…` : plain;
}
