/** The title of an answer: how whole it is first, then how much was found, and how good. */

import { t } from '../l10n';
import type { SearchResult } from '../protocol';
import { formatCount } from '../size';
import { freshnessWords } from './freshness';
import type { Mistyped } from './mistyped';

export function titleOf(result: SearchResult, mistyped?: Mistyped): string {
  const any = result.hits.length > 0;
  const lacking = freshnessWords(result.freshness, any);
  const took = Math.round(result.tookMs);
  const notes = [
    ...(mistyped ? [t('unknown scope {0}', mistyped.typed)] : []),
    ...(lacking ? [lacking] : []),
    // That nothing is found in a part is said once, below the field.
    ...(any || !lacking || result.freshness.state === 'unwatched' ? [countWords(result.hits.length, took)] : []),
    ...(any && result.hits.every((hit) => hit.weak) ? [t('weak matches only')] : []),
    ...(result.degraded ? [result.degraded] : []),
  ];
  if (result.staleFiles > 0) {
    notes.push(
      result.staleFiles === 1
        ? t('1 file has changed since it was indexed')
        : t('{0} files have changed since they were indexed', formatCount(result.staleFiles)),
    );
  }
  return `${t('Search by Meaning')} — ${notes.join(' · ')}`;
}

function countWords(count: number, tookMs: number): string {
  return count === 1 ? t('1 result in {0} ms', tookMs) : t('{0} results in {1} ms', count, tookMs);
}
