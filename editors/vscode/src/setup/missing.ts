/**
 * When the `lowtide` command is missing: said once a window, with what to do about it.
 *
 * Invariant: nothing is installed but by a click; the command that runs is shown in a terminal.
 */

import * as vscode from 'vscode';
import { t } from '../l10n';
import { thisMachine } from '../server/machine';
import type { Server } from '../server/server';
import * as path from 'node:path';

/** Tell of a missing server and of one that does not stay alive, each once until it runs again. */
export function tellOfTrouble(server: Server): vscode.Disposable {
  let told: string | undefined;
  return server.onDidChange(() => {
    if (server.phase === 'running') {
      told = undefined;
    } else if ((server.phase === 'missing' || server.phase === 'failed') && told !== server.phase) {
      told = server.phase;
      void (server.phase === 'missing' ? setUp(server) : tellFailed(server));
    }
  });
}

/** Offer to install the command, or to say where it is. */
export async function setUp(server: Server): Promise<void> {
  const install = t('Install…');
  const choose = t('Choose Path…');
  const retry = t('Try Again');
  const set = server.missing?.configured;
  const message = set
    ? t('Lowtide: there is no program {0} (setting lowtide.path).', set)
    : t(
        'Lowtide needs the lowtide command. It was not found on PATH, in the selected Python environment, or among the tools of uv and pipx.',
      );
  const picked = await vscode.window.showWarningMessage(message, ...(set ? [] : [install]), choose, retry);
  if (picked === install) {
    await installCommand(server);
  } else if (picked === choose) {
    await choosePath();
  } else if (picked === retry) {
    await server.restart();
  }
}

async function tellFailed(server: Server): Promise<void> {
  const restart = t('Restart');
  const log = t('Show Log');
  const message = t('Lowtide stopped several times in a row and is now left alone. {0}', server.trouble);
  const picked = await vscode.window.showErrorMessage(message, restart, log);
  if (picked === restart) {
    await server.restart();
  } else if (picked === log) {
    await vscode.commands.executeCommand('lowtide.showLog');
  }
}

interface Way extends vscode.QuickPickItem {
  words: string;
}

async function installCommand(server: Server): Promise<void> {
  const ways: Way[] = [];
  for (const [program, words, detail] of [
    ['uv', 'uv tool install lowtide', t('An environment of its own; the command becomes known to you alone.')],
    ['pipx', 'pipx install lowtide', t('An environment of its own; the command becomes known to you alone.')],
    [
      'python3',
      'python3 -m pip install --user lowtide',
      t('Into your user’s Python packages. Needs Python 3.11 or newer.'),
    ],
    [
      'python',
      'python -m pip install --user lowtide',
      t('Into your user’s Python packages. Needs Python 3.11 or newer.'),
    ],
  ] as const) {
    if (await isOnPath(program)) {
      ways.push({ label: words, words, detail });
    }
  }
  if (ways.length === 0) {
    const picked = await vscode.window.showErrorMessage(
      t('Neither uv, pipx nor Python was found. Install Python 3.11 or newer, or uv, then try again.'),
      t('Get Python'),
      t('Get uv'),
    );
    if (picked) {
      const page = picked === t('Get uv') ? 'https://docs.astral.sh/uv/' : 'https://www.python.org/downloads/';
      await vscode.env.openExternal(vscode.Uri.parse(page));
    }
    return;
  }
  const way = await vscode.window.showQuickPick(ways, {
    title: t('Install lowtide'),
    placeHolder: t('The command runs in a terminal, where you see what it does.'),
  });
  if (way) {
    runAndRestart(server, way.words);
  }
}

function runAndRestart(server: Server, words: string): void {
  const terminal = vscode.window.createTerminal({ name: t('Install lowtide') });
  terminal.show();
  const listening: vscode.Disposable[] = [];
  const done = (): void => {
    vscode.Disposable.from(...listening).dispose();
    void server.restart();
  };
  listening.push(
    // With shell integration the end of the command is known; without it, closing the terminal tells.
    vscode.window.onDidEndTerminalShellExecution((event) => {
      if (event.terminal === terminal) {
        done();
      }
    }),
    vscode.window.onDidCloseTerminal((closed) => {
      if (closed === terminal) {
        done();
      }
    }),
  );
  terminal.sendText(words);
}

async function isOnPath(program: string): Promise<boolean> {
  const machine = thisMachine();
  const name = machine.platform === 'win32' ? `${program}.exe` : program;
  for (const folder of (machine.env.PATH ?? '').split(path.delimiter)) {
    if (path.isAbsolute(folder) && (await machine.isProgram(path.join(folder, name)))) {
      return true;
    }
  }
  return false;
}

/** Let the user show where the command is, and keep it in the settings; changing them starts the server. */
export async function choosePath(): Promise<void> {
  const picked = await vscode.window.showOpenDialog({
    title: t('Where is the lowtide command?'),
    openLabel: t('Use This'),
    canSelectMany: false,
  });
  const file = picked?.[0];
  if (file) {
    await vscode.workspace.getConfiguration('lowtide').update('path', file.fsPath, vscode.ConfigurationTarget.Global);
  }
}
