/**
 * The server's progress of a first index as a notification with Cancel; the client library would show it in the status bar, without one.
 *
 * Invariant: every notification ends with its progress, or with the server's life (`clear`).
 */

import * as vscode from 'vscode';

/** As in LSP. */
export interface Report {
  kind: 'begin' | 'report' | 'end';
  title?: string;
  message?: string;
  percentage?: number;
}

/** Work that is over sooner shows nothing. */
const WORTH_MS = 700;

interface Shown {
  title: string;
  last: Report;
  reported: number;
  timer: NodeJS.Timeout;
  progress?: vscode.Progress<{ message?: string; increment?: number }>;
  end?: () => void;
}

export class Progresses {
  private readonly shown = new Map<string | number, Shown>();

  /** `isWorth`: only a first index is told so; later work shows in the status bar alone. */
  constructor(private readonly isWorth: () => boolean) {}

  /** What the server says of the work `token`; `cancel` tells it that the user wants no more of it. */
  take(token: string | number, report: Report, cancel: () => void): void {
    const known = this.shown.get(token);
    if (report.kind === 'begin') {
      const timer = setTimeout(() => this.open(token, cancel), WORTH_MS);
      this.shown.set(token, { title: report.title ?? 'Lowtide', last: report, reported: 0, timer });
    } else if (report.kind === 'end') {
      this.end(token);
    } else if (known) {
      known.last = report;
      tell(known);
    }
  }

  /** There is no server any more. */
  clear(): void {
    for (const token of [...this.shown.keys()]) {
      this.end(token);
    }
  }

  private open(token: string | number, cancel: () => void): void {
    const one = this.shown.get(token);
    if (!one || !this.isWorth()) {
      return;
    }
    void vscode.window.withProgress(
      { location: vscode.ProgressLocation.Notification, cancellable: true, title: one.title },
      (progress, cancelled) =>
        new Promise<void>((resolve) => {
          one.progress = progress;
          one.end = resolve;
          cancelled.onCancellationRequested(cancel);
          tell(one);
        }),
    );
  }

  private end(token: string | number): void {
    const one = this.shown.get(token);
    this.shown.delete(token);
    clearTimeout(one?.timer);
    one?.end?.();
  }
}

function tell(one: Shown): void {
  const percentage = one.last.percentage ?? one.reported;
  const increment = Math.max(0, percentage - one.reported);
  if (one.progress) {
    one.reported += increment;
    one.progress.report({ increment, ...(one.last.message === undefined ? {} : { message: one.last.message }) });
  }
}
