/** What a command says when the server refuses or is not there. */

import * as vscode from 'vscode';
import { t } from './l10n';
import { NotRunning } from './server/server';

/** Run it; what fails is said in words, with the log at hand. Cancelled work says nothing. */
export async function saying(work: () => unknown, log: vscode.LogOutputChannel): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof vscode.CancellationError) {
      return;
    }
    const why = error instanceof Error ? error.message : String(error);
    log.warn(`event=command-failed why=${why}`);
    const first = error instanceof NotRunning ? t('Restart') : undefined;
    const show = t('Show Log');
    const picked = await vscode.window.showWarningMessage(`Lowtide: ${why}`, ...(first ? [first] : []), show);
    if (picked === show) {
      log.show();
    } else if (picked && picked === first) {
      await vscode.commands.executeCommand('lowtide.restart');
    }
  }
}
