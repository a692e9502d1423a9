/** What the server knows of a file, in words: how it stands, why, and what to do about it. */

import { t } from '../l10n';
import type { Explanation } from '../protocol';
import { formatCount } from '../size';
import { reasonOfOne } from './reasons';

export function explained(answer: Explanation): string {
  const { path, status, remedy } = answer;
  switch (status) {
    case 'missing':
      return t('{0} does not exist.', path);
    case 'folder':
      return t('That is a folder. Choose a file in it.');
    case 'stale':
      // It is indexed by itself, and the editor has a button for it: no command is to be typed.
      return sentence(answer);
    default:
      // Where the editor has a button for it, that is enough.
      return remedy && !answer.take_in ? `${sentence(answer)} ${t('To do: {0}.', quoted(remedy))}` : sentence(answer);
  }
}

/** A message of the editor's shows no Markdown. */
export function quoted(text: string): string {
  return text.replace(/`([^`]*)`/g, '“$1”');
}

function sentence(answer: Explanation): string {
  const reason = answer.reason ? reasonOfOne(answer.reason) : '';
  const rule = answer.rule ?? '';
  const why = reason && rule ? `${reason} (${rule})` : reason || rule;
  const how = standing(answer);
  return why ? `${how}: ${why}.` : `${how}.`;
}

/** How it stands; a newer server may say what is not known here. */
function standing(answer: Explanation): string {
  const { path, status } = answer;
  switch (status) {
    case 'indexed':
      return t('{0} is indexed, with {1} and {2}', path, symbolsIn(answer.symbols ?? 0), chunksIn(answer.chunks ?? 0));
    case 'stale':
      return t('The index of {0} is out of date', path);
    case 'quarantined':
      return t('{0} is in quarantine', path);
    case 'skipped':
      return t('{0} is left out of the index', path);
    case 'failed':
      return t('{0} could not be indexed', path);
    case 'not-indexed':
      return t('{0} is not indexed yet', path);
    default:
      return `${path} (${status})`;
  }
}

function symbolsIn(count: number): string {
  return count === 1 ? t('1 symbol') : t('{0} symbols', formatCount(count));
}

function chunksIn(count: number): string {
  return count === 1 ? t('1 chunk') : t('{0} chunks', formatCount(count));
}
