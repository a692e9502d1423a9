/** Sizes as people write and read them. */

import { t } from './l10n';

export const MIB = 1024 * 1024;
/** The least budget that the server accepts. */
export const LEAST_BUDGET_BYTES = 96 * MIB;

const UNITS: Record<string, number> = { '': 1, k: 1024, m: MIB, g: 1024 * MIB };

/** Bytes of `256MiB`, `1G`, `1.5 GiB`; undefined when it is no size. */
export function parseSize(text: string): number | undefined {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([kmg]?)(?:i?b)?\s*$/i.exec(text);
  if (!match) {
    return undefined;
  }
  return Math.floor(Number(match[1]) * (UNITS[(match[2] ?? '').toLowerCase()] ?? 1));
}

/** Why a budget cannot be taken; undefined when it can. */
export function budgetProblem(text: string): string | undefined {
  const bytes = parseSize(text);
  if (bytes === undefined) {
    return t('Enter a size such as 256MiB or 1GiB.');
  }
  return bytes < LEAST_BUDGET_BYTES ? t('The smallest budget is 96 MiB.') : undefined;
}

/** `88,243`, as the user's language groups digits. */
export function formatCount(count: number): string {
  return count.toLocaleString();
}

/** `212 MiB`, `1.4 GiB`, `640 KiB`. */
export function formatBytes(bytes: number): string {
  if (bytes >= 10 * 1024 * MIB) {
    return `${(bytes / (1024 * MIB)).toFixed(1)} GiB`;
  }
  if (bytes >= MIB) {
    return `${Math.round(bytes / MIB)} MiB`;
  }
  return bytes >= 1024 ? `${Math.round(bytes / 1024)} KiB` : `${bytes} B`;
}

/** `212 / 512 MiB`: both in the unit of the second. */
export function formatUse(used: number, budget: number): string {
  const unit = budget >= 10 * 1024 * MIB ? 1024 * MIB : MIB;
  const digits = unit === MIB ? 0 : 1;
  return `${(used / unit).toFixed(digits)} / ${(budget / unit).toFixed(digits)} ${unit === MIB ? 'MiB' : 'GiB'}`;
}
