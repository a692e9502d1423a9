/** Commands that steer the daemon: pause, resume, cancel, look again, begin anew, budget. */

import * as vscode from 'vscode';
import { t } from './l10n';
import type { Server } from './server/server';
import { budgetSetBy } from './status/words';
import { budgetProblem, formatBytes, MIB, parseSize } from './size';

export async function rebuild(server: Server): Promise<void> {
  const anew = t('Rebuild');
  const picked = await vscode.window.showWarningMessage(
    t('Rebuild the index of this window’s folders?'),
    { modal: true, detail: t('Results are incomplete until it is done.') },
    anew,
  );
  if (picked !== anew) {
    return;
  }
  await reindex(server, true);
}

/** Look at every file of this window's folders again. */
export async function reindex(server: Server, force: boolean): Promise<void> {
  for (const folder of vscode.workspace.workspaceFolders ?? []) {
    await server.request('lowtide/reindex', { rootUri: folder.uri.toString(), force });
  }
}

const OFFERED_MIB = [128, 256, 512, 1024, 2048];

/** Ask for a budget, set it for all windows and editors, and keep it in the user's settings for the next start. */
export async function setBudget(server: Server): Promise<void> {
  const memory = server.status?.memory;
  const by = budgetSetBy(memory?.budgetFrom);
  const pick = vscode.window.createQuickPick();
  pick.title = memory
    ? [
        t('Budget: now {0}, in use {1}', formatBytes(memory.budgetBytes), formatBytes(memory.usedBytes)),
        ...(by ? [t('set by {0}', by)] : []),
      ].join(' · ')
    : t('Budget');
  pick.placeholder = t('Memory for all of Lowtide’s processes together, e.g. 256MiB');
  const offer = (): void => {
    const typed = pick.value.trim();
    const problem = typed ? budgetProblem(typed) : undefined;
    const own: vscode.QuickPickItem[] = typed
      ? [{ label: typed, alwaysShow: true, ...(problem ? { description: problem } : {}) }]
      : [];
    const now = memory?.budgetBytes;
    const sizes = OFFERED_MIB.map((mib) => offered(mib, now));
    pick.items = [...own, ...sizes];
    // Enter alone changes nothing.
    pick.activeItems = typed ? own : sizes.filter((_, at) => (OFFERED_MIB[at] ?? 0) * MIB === now);
  };
  offer();
  const chosen = await new Promise<string | undefined>((resolve) => {
    pick.onDidChangeValue(offer);
    pick.onDidAccept(() => {
      const label = pick.activeItems[0]?.label;
      if (label && !budgetProblem(label)) {
        resolve(label);
      }
    });
    pick.onDidHide(() => resolve(undefined));
    pick.show();
  });
  pick.dispose();
  const bytes = chosen === undefined ? undefined : parseSize(chosen);
  if (chosen !== undefined && bytes !== undefined) {
    // At once, and also where the setting is the same and something else was in force.
    await server.request('lowtide/setBudget', { bytes });
    await vscode.workspace.getConfiguration('lowtide').update('budget', chosen, vscode.ConfigurationTarget.Global);
  }
}

function offered(mib: number, now: number | undefined): vscode.QuickPickItem {
  const label = mib < 1024 ? `${mib}MiB` : `${mib / 1024}GiB`;
  return mib * MIB === now ? { label, description: t('now') } : { label };
}

/** Put the budget of this window's settings in force, for all. */
export async function useBudget(server: Server): Promise<void> {
  const bytes = parseSize(server.settings.budget);
  if (bytes !== undefined) {
    await server.request('lowtide/setBudget', { bytes });
  }
}

/** A budget in the settings that the server would refuse is said here, where it was written. */
export function watchBudget(server: Server): vscode.Disposable {
  const check = (): void => {
    const { budget } = server.settings;
    const problem = budget ? budgetProblem(budget) : undefined;
    if (problem) {
      void vscode.window.showWarningMessage(t('lowtide.budget is “{0}”. {1}', budget, problem));
    }
  };
  return vscode.workspace.onDidChangeConfiguration((event) => {
    if (event.affectsConfiguration('lowtide.budget')) {
      check();
    }
  });
}
