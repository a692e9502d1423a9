/**
 * Answers of ours that step back where another provider answers the same question: it is asked, not guessed by what is
 * installed.
 *
 * Invariant: the others are asked through the editor, which asks us, too: that echo gets nothing, so that no question
 * goes round in circles.
 */

import * as vscode from 'vscode';

export class StepBack {
  /** Questions that are being put to the others, and how many of them: what comes back to us with one is our echo. */
  private readonly asking = new Map<string, number>();

  /** `own` where no other provider answers; null where one does, or when this is our own echo. */
  async unlessOthers<T>(
    key: string,
    own: () => vscode.ProviderResult<T>,
    others: () => Thenable<unknown>,
    token: vscode.CancellationToken,
  ): Promise<T | null | undefined> {
    if (this.isEcho(key)) {
      return null;
    }
    const mine = await own();
    if (isEmpty(mine) || token.isCancellationRequested) {
      return mine;
    }
    this.asking.set(key, (this.asking.get(key) ?? 0) + 1);
    try {
      return isEmpty(await others()) ? mine : null;
    } catch {
      // Another extension's failure is no answer.
      return mine;
    } finally {
      this.isEcho(key);
    }
  }

  /** Whether this question is one of ours that comes back; each comes back once. */
  private isEcho(key: string): boolean {
    const count = this.asking.get(key) ?? 0;
    if (count > 1) {
      this.asking.set(key, count - 1);
    } else {
      this.asking.delete(key);
    }
    return count > 0;
  }
}

function isEmpty(answer: unknown): boolean {
  return answer === null || answer === undefined || (Array.isArray(answer) && answer.length === 0);
}

export function keyOf(kind: string, document: vscode.TextDocument, position: vscode.Position): string {
  return `${kind}\n${document.uri.toString()}\n${position.line}:${position.character}`;
}
