/** What is said of an answer that may lack something that is on the disk. */

import { t } from '../l10n';
import type { Freshness } from '../protocol';

/** Nothing when the answer is current; an older server does not tell. */
export function freshnessWords(fresh: Freshness | undefined): string | undefined {
  switch (fresh?.state) {
    case 'checking':
      return t('still being compared with the disk: results so far');
    case 'indexing':
    case 'incomplete':
      return indexedWords(fresh);
    case 'unwatched':
      return [
        fresh.reason ? t('not watched for changes ({0})', fresh.reason) : t('not watched for changes'),
        age(fresh),
      ]
        .filter(Boolean)
        .join(': ');
    case 'current':
    case undefined:
      return undefined;
  }
}

/** How much is in, in whole percent; 100 only when all is. */
export function percent(fresh: { indexed: number; total: number }): number {
  return fresh.indexed < fresh.total ? Math.floor((100 * fresh.indexed) / fresh.total) : 99;
}

function indexedWords(fresh: Freshness): string {
  const known = fresh.indexed < fresh.total;
  if (fresh.reason) {
    return known
      ? t('{0} % indexed ({1}): results so far', percent(fresh), fresh.reason)
      : t('not fully indexed ({0}): results so far', fresh.reason);
  }
  return known ? t('{0} % indexed: results so far', percent(fresh)) : t('still being indexed: results so far');
}

function age({ ageS }: Freshness): string {
  if (ageS === null) {
    return '';
  }
  const minutes = Math.round(ageS / 60);
  return minutes < 2 ? t('as it was just now') : t('as it was {0} minutes ago', minutes);
}
