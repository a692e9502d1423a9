/**
 * Memory over time, for the graph: the server's history, then every Status as it comes.
 *
 * Invariant: times only grow; no more than `MOST` samples are kept, the older half thinned when there are more.
 */

import { type History, type State, type Status, type Step, STEPS } from '../protocol';

export interface Sample {
  /** Seconds since 1970. */
  time: number;
  usedBytes: number;
  budgetBytes: number;
  step: Step;
  /** Unknown before this window watched. */
  state: State | undefined;
}

const MOST = 1_200;

export class Samples {
  readonly all: Sample[] = [];

  /** What the server remembers of before. */
  fill(history: History): void {
    const seen = this.all.splice(0);
    const first = seen[0]?.time ?? Infinity;
    history.times.forEach((time, index) => {
      if (time < first) {
        this.push({
          time,
          usedBytes: history.usedBytes[index] ?? 0,
          budgetBytes: history.budgetBytes,
          step: STEPS[history.steps[index] ?? 0] ?? 'full',
          state: undefined,
        });
      }
    });
    seen.forEach((sample) => this.push(sample));
  }

  /** A Status came at `time` (seconds since 1970). */
  add(status: Status, time: number): void {
    const { usedBytes, budgetBytes } = status.memory;
    this.push({ time, usedBytes, budgetBytes, step: status.ladder.step, state: status.state });
  }

  private push(sample: Sample): void {
    const last = this.all.at(-1);
    if (last && sample.time < last.time) {
      return;
    }
    this.all.push(sample);
    if (this.all.length > MOST) {
      this.thin();
    }
  }

  /** Of each pair in the older half the higher one stays: peaks are what one looks for. */
  private thin(): void {
    const half = Math.floor(this.all.length / 2) & ~1;
    const kept: Sample[] = [];
    for (let index = 0; index < half; index += 2) {
      const a = this.all[index];
      const b = this.all[index + 1];
      if (a && b) {
        kept.push(a.usedBytes > b.usedBytes ? a : b);
      }
    }
    this.all.splice(0, half, ...kept);
  }
}
