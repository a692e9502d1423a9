/** When a server that died is started again: soon, then later and later, and after some deaths in a row no more. */

const DELAYS_MS = [500, 1_000, 2_000, 5_000, 10_000] as const;
/** A server that lived this long is well again. */
export const WELL_AFTER_MS = 120_000;

export class Backoff {
  private deaths = 0;
  private startedAt: number | undefined;

  constructor(private readonly now: () => number = Date.now) {}

  /** It runs. */
  started(): void {
    this.startedAt = this.now();
  }

  /** It died: milliseconds until the next start, or undefined when there is to be none. */
  died(): number | undefined {
    if (this.startedAt !== undefined && this.now() - this.startedAt >= WELL_AFTER_MS) {
      this.deaths = 0;
    }
    this.startedAt = undefined;
    const delay = DELAYS_MS[this.deaths];
    this.deaths += 1;
    return delay;
  }

  /** The user asked for a start: count anew. */
  reset(): void {
    this.deaths = 0;
    this.startedAt = undefined;
  }
}
