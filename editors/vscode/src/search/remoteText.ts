/** What is known of a hit of the team's index, in words: whose code it is, and where people can read it. */

import { t } from '../l10n';
import type { RemotePlace } from '../protocol';

export interface Known {
  kind: string;
  name: string;
  container: string;
  /** The signature. */
  snippet: string;
  /** Without its age, which would not stay true. */
  remote: Omit<RemotePlace, 'ageS'>;
  /** The first and the last, from 1. */
  lines: [number, number];
}

const DAY_S = 24 * 3600;

/** How old the commit is that the hit is of. */
export function ageOf({ ageS }: Pick<RemotePlace, 'ageS'>): string {
  const days = Math.floor(ageS / DAY_S);
  return days < 1 ? t('of today') : days < 2 ? t('1 day old') : t('{0} days old', days);
}

/** The text of a hit; its last line is the address, on which the cursor comes to stand. */
export function remoteText({ kind, name, container, snippet, remote, lines }: Known): string {
  const whole = container ? `${container}.${name}` : name;
  const where = t('{0}, lines {1} to {2}', remote.path, ...lines);
  const whose = t('{0}, commit {1}', remote.repository, remote.commit.slice(0, 12));
  return [
    ...(whole ? [`${whole} (${kind})`] : []),
    where,
    whose,
    '',
    ...(snippet ? [snippet, ''] : []),
    t('This code is not on this machine: it was found in your team’s index, which holds no text of it.'),
    remote.url || t('Nobody has said where it can be read: clone the repository.'),
  ].join('\n');
}
