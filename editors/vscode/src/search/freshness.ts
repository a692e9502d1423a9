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
      return fresh.indexed < fresh.total
        ? t('{0} % indexed: results so far', Math.floor((100 * fresh.indexed) / fresh.total))
        : t('still being indexed: results so far');
    case 'unwatched':
      return fresh.reason ? t('not watched for changes: {0}', fresh.reason) : t('not watched for changes');
    case 'current':
    case undefined:
      return undefined;
  }
}
