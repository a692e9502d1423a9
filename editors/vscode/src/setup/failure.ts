/** Why an installation failed, in words and with what to do, from what uv, pip or Python said. */

import { t } from '../l10n';

const KNOWN: readonly [RegExp, () => string][] = [
  [
    /No module named '?(venv|ensurepip)|ensurepip is not\s+available|python3[\d.]*-venv/,
    () => t('This Python cannot create environments. Install the package python3-venv, then try again.'),
  ],
  [/No space left on device|ENOSPC/, () => t('The disk is full. Free some space, then try again.')],
  [
    /CERTIFICATE_VERIFY_FAILED|invalid peer certificate|UnknownIssuer/,
    () =>
      t('The certificate of the package index is not trusted here. Set SSL_CERT_FILE to your company’s certificates.'),
  ],
  [
    /NewConnectionError|Temporary failure in name resolution|Name or service not known|ConnectTimeout|Max retries|Failed to fetch|dns error|Connection refused|Network is unreachable|ProxyError|error sending request/,
    () => t('The Python package index could not be reached. Check the network, or set HTTPS_PROXY or PIP_INDEX_URL.'),
  ],
  [
    /requires a different Python|Requires-Python|No interpreter found|No download found|requires-python/i,
    () => t('Python 3.11 or newer is needed. Install it, or uv, then try again.'),
  ],
  [/Permission denied|EACCES|Read-only file system/, () => t('The extension’s folder cannot be written to.')],
  [
    /No matching distribution found|has no wheels with a matching|no compatible wheels|not a supported wheel/i,
    () => t('A dependency is not available for this system and Python version. Try Python 3.11 to 3.13.'),
  ],
];

/** `lines`: what was said, the latest last. */
export function whyItFailed(lines: readonly string[]): string {
  const all = lines.join('\n');
  const known = KNOWN.find(([pattern]) => pattern.test(all))?.[1]();
  const last = [...lines].reverse().find((line) => /error|fail/i.test(line)) ?? lines.at(-1) ?? '';
  return known ?? last.replace(/^(ERROR|error):\s*/, '');
}
