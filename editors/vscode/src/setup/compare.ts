/** Versions, compared. */

/** Whether `one` comes before `other`, by their numbers; what is no version is older than nothing. */
export function isOlder(one: string, other: string): boolean {
  const [a, b] = [numbers(one), numbers(other)];
  for (let at = 0; a && b && at < 3; at += 1) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0);
    if (difference !== 0) {
      return difference < 0;
    }
  }
  return false;
}

function numbers(version: string): number[] | undefined {
  const match = /^v?(\d+)\.(\d+)(?:\.(\d+))?/.exec(version);
  return match?.slice(1).map((part: string | undefined) => Number(part ?? 0));
}
