/** The states and steps of the server, and who has set its budget, in words. */

import { t } from '../l10n';
import type { State, Step } from '../protocol';

export function stateWord(state: State): string {
  switch (state) {
    case 'idle':
      return t('up to date');
    case 'scanning':
      return t('scanning for changes');
    case 'indexing':
      return t('indexing');
    case 'paused':
      return t('paused');
    case 'waiting':
      return t('waiting');
  }
}

export function stepWord(step: Step): string {
  switch (step) {
    case 'full':
      return t('full service');
    case 'smaller-batches':
      return t('smaller batches');
    case 'one-worker':
      return t('one worker');
    case 'lexical-only':
      return t('words only, no search by meaning');
    case 'paused':
      return t('paused');
  }
}

/** Who has set the budget; undefined when nobody has, or an older server does not tell. */
export function budgetSetBy(from: string | undefined): string | undefined {
  // Of a file the server says the line and the key.
  return from && from !== 'default' ? from.replace(/: budget$/, '') : undefined;
}
