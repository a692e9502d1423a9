/**
 * An answer that was given while files are still being indexed is asked for again, as more is there.
 *
 * Invariant: never more often than every `GAP_MS`, and never once the answer is whole.
 */

import type { Freshness } from '../protocol';

export const GAP_MS = 1_500;

export class Refresh {
  private text: string | undefined;
  private tookAt = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly again: (text: string) => void,
    private readonly now: () => number = Date.now,
  ) {}

  /** The answer to `text` has come. */
  took(fresh: Freshness | undefined, text: string): void {
    this.drop();
    if (fresh?.state === 'indexing' || fresh?.state === 'checking') {
      this.text = text;
      this.tookAt = this.now();
    }
  }

  /** The server says that something has changed. */
  more(): void {
    if (this.text !== undefined && this.timer === undefined) {
      const wait = Math.max(0, this.tookAt + GAP_MS - this.now());
      this.timer = setTimeout(() => {
        const text = this.text;
        this.drop();
        if (text !== undefined) {
          this.again(text);
        }
      }, wait);
    }
  }

  /** Something else is asked, or nothing any more. */
  drop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.text = undefined;
  }
}
