/**
 * Asks while the user types: after a pause, one question at a time, an older one cancelled by a newer.
 *
 * Invariant: `take` never sees an answer to anything but the last question.
 */

/** What cancels a question; the editor's `CancellationTokenSource`. */
export interface Cancel {
  cancel(): void;
  dispose(): void;
}

export class Latest<Question, Answer, Source extends Cancel> {
  private timer: NodeJS.Timeout | undefined;
  private source: Source | undefined;

  constructor(
    private readonly makeSource: () => Source,
    private readonly ask: (question: Question, source: Source) => Promise<Answer>,
    private readonly take: (question: Question, answer: Answer) => void,
    private readonly fail: (question: Question, error: unknown) => void,
  ) {}

  /** Ask after `delayMs`, unless something else is asked before. */
  put(question: Question, delayMs: number): void {
    this.drop();
    this.timer = setTimeout(() => void this.run(question), delayMs);
  }

  /** Want no answer any more. */
  drop(): void {
    clearTimeout(this.timer);
    this.source?.cancel();
    this.source?.dispose();
    this.source = undefined;
  }

  private async run(question: Question): Promise<void> {
    const source = (this.source = this.makeSource());
    try {
      const answer = await this.ask(question, source);
      if (source === this.source) {
        this.take(question, answer);
      }
    } catch (error) {
      if (source === this.source) {
        this.fail(question, error);
      }
    }
  }
}
