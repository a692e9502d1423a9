/** What is said of an answer that may lack something that is on the disk. */

import { t } from '../l10n';
import type { Freshness } from '../protocol';

/** Nothing when the answer is current; an older server does not tell. Of results it speaks when there are any. */
export function freshnessWords(fresh: Freshness | undefined, anyResult = true): string | undefined {
  if (fresh === undefined || fresh.state === 'current') {
    return undefined;
  }
  if (fresh.state === 'unwatched') {
    return [fresh.reason ? t('not watched for changes ({0})', fresh.reason) : t('not watched for changes'), age(fresh)]
      .filter(Boolean)
      .join(': ');
  }
  const soFar = fresh.state === 'checking' ? t('still being compared with the disk') : indexedWords(fresh);
  return anyResult ? t('{0}: results so far', soFar) : soFar;
}

/** More is to come, as far as is known. */
export function isGrowing(fresh: Freshness | undefined): boolean {
  return fresh?.state === 'indexing' || fresh?.state === 'checking';
}

/** How much is in, in whole percent; 100 only when all is. */
export function percent(fresh: { indexed: number; total: number }): number {
  return fresh.indexed < fresh.total ? Math.floor((100 * fresh.indexed) / fresh.total) : 99;
}

function indexedWords(fresh: Freshness): string {
  if (fresh.indexed === 0) {
    return fresh.reason ? t('nothing is indexed yet ({0})', fresh.reason) : t('nothing is indexed yet');
  }
  const known = fresh.indexed < fresh.total;
  if (fresh.reason) {
    return known ? t('{0} % indexed ({1})', percent(fresh), fresh.reason) : t('not fully indexed ({0})', fresh.reason);
  }
  return known ? t('{0} % indexed', percent(fresh)) : t('still being indexed');
}

function age({ ageS }: Freshness): string {
  if (ageS === null) {
    return '';
  }
  const minutes = Math.round(ageS / 60);
  return minutes < 2 ? t('as it was just now') : t('as it was {0} minutes ago', minutes);
}
