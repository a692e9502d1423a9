/** Which systems the server runs on; what it says itself elsewhere is `daemon/lowtide/cli/supported.py`. */

import { t } from '../l10n';

const NAMES: Readonly<Record<string, string>> = { darwin: 'macOS', win32: 'Windows' };

/** Why there can be no server on a machine, with what to do about it; undefined where it runs. */
export function refusal(platform: NodeJS.Platform): string | undefined {
  return platform === 'linux'
    ? undefined
    : t(
        'Lowtide runs on Linux, and the files of this window are on {0}. Open them in a container, in WSL 2, or over SSH.',
        NAMES[platform] ?? platform,
      );
}
