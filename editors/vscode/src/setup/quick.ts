/**
 * pip gets one package after the other, uv many at once: where there is no uv, it is got first, for the while, and does
 * the rest in a fifth of the time. The pip that gets it is the one that Python carries, unpacked and not installed.
 *
 * Invariant: uv looks nowhere that pip is not set up to look; where pip is set up in a way that cannot be told to uv, pip
 * does it all.
 */

const SINGLE: Readonly<Record<string, string>> = { 'index-url': '--default-index' };
const SEVERAL: Readonly<Record<string, string>> = {
  'extra-index-url': '--index',
  'find-links': '--find-links',
  constraint: '--constraint',
};
/** Of pip's own manners: nothing to tell. */
const HARMLESS = new Set([
  ...['default-timeout', 'timeout', 'retries', 'disable-pip-version-check', 'config-file', 'progress-bar', 'no-input'],
  ...['require-virtualenv', 'cache-dir', 'no-cache-dir', 'quiet', 'verbose', 'no-color', 'user', 'prefer-binary'],
  ...['break-system-packages', 'root-user-action', 'no-compile', 'compile', 'no-warn-script-location'],
]);
/** The one that counts, where a key is set twice. */
const PLACES = ['global', 'install', ':env:'];

/** uv's words for what `pip config list` says; undefined when there are none for some of it. */
export function wordsForUv(
  lines: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): string[] | undefined {
  const set = new Map<string, { place: number; value: string }>();
  for (const line of lines) {
    const [, place = '', key = '', value = ''] = /^([\w:]+)\.([\w-]+)=(.*)$/.exec(line.trim()) ?? [];
    const at = PLACES.indexOf(place);
    if (at >= 0 && at >= (set.get(key)?.place ?? -1)) {
      set.set(key, { place: at, value: value.replace(/^['"]|['"]$/g, '').replaceAll('\\n', ' ') });
    }
  }
  const words: string[] = [];
  for (const [key, { value }] of set) {
    const parts = value.split(/\s+/).filter(Boolean);
    const single = SINGLE[key];
    const several = SEVERAL[key];
    if (single !== undefined && parts.length === 1) {
      words.push(single, ...parts);
    } else if (several !== undefined) {
      words.push(...parts.flatMap((part) => [several, part]));
    } else if (!HARMLESS.has(key) && !(key === 'cert' && env.SSL_CERT_FILE)) {
      return undefined;
    }
  }
  return words;
}
