/**
 * Installs the `lowtide` command: the user picks the way, a notification shows that it runs, the log has every line.
 *
 * Invariant: nothing is installed but by a click on the words of the command; cancelling ends its process.
 */

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import * as vscode from 'vscode';
import { t } from '../l10n';
import { thisMachine } from '../server/machine';
import type { Server } from '../server/server';
import { type Step, type Way, waysToInstall } from './ways';

/** New enough, and able to make environments (Debian keeps that apart). */
const SUITS = 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))';

/** Ask how, install, start the server. */
export async function installCommand(server: Server, log: vscode.LogOutputChannel): Promise<void> {
  const never = new vscode.CancellationTokenSource();
  const ways = await waysToInstall(thisMachine(), server.storage, (python) =>
    run([python, '-c', SUITS], () => undefined, never.token).then(
      () => true,
      () => false,
    ),
  );
  if (ways.length === 0) {
    await tellOfPython();
    return;
  }
  const picked = await vscode.window.showQuickPick(
    ways.map((way) => ({ label: `$(cloud-download) ${way.words}`, detail: detailOf(way), way })),
    { title: t('Install lowtide'), placeHolder: t('What is to be run?') },
  );
  if (picked) {
    await install(picked.way, server, log);
  }
}

function detailOf(way: Way): string {
  return way.kind === 'python'
    ? t('Into an environment of this extension’s own; your Python packages stay as they are.')
    : t('An environment of its own; the command becomes known to you alone.');
}

async function install(way: Way, server: Server, log: vscode.LogOutputChannel): Promise<void> {
  const options = { location: vscode.ProgressLocation.Notification, cancellable: true, title: t('Installing lowtide') };
  try {
    await vscode.window.withProgress(options, async (progress, token) => {
      for (const step of way.steps) {
        log.info(`event=install command=${step.join(' ')}`);
        await run(
          step,
          (line) => {
            log.info(`event=install said=${line}`);
            progress.report({ message: line.length > 60 ? `${line.slice(0, 59)}…` : line });
          },
          token,
        );
      }
    });
  } catch (error) {
    if (error instanceof vscode.CancellationError) {
      return;
    }
    const again = t('Try Again');
    const show = t('Show Log');
    const why = error instanceof Error ? error.message : String(error);
    const picked = await vscode.window.showErrorMessage(t('lowtide was not installed: {0}', why), again, show);
    if (picked === again) {
      await installCommand(server, log);
    } else if (picked === show) {
      log.show();
    }
    return;
  }
  await server.restart();
}

/** Runs it to its end; rejects with its last words when it failed, with CancellationError when it was cancelled. */
function run(step: Step, said: (line: string) => void, token: vscode.CancellationToken): Promise<void> {
  return new Promise((resolve, reject) => {
    const [program, ...words] = step;
    const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'], windowsHide: true });
    let last = '';
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        if (line.trim()) {
          last = line.trim();
          said(last);
        }
      });
    }
    const listening = token.onCancellationRequested(() => child.kill());
    child.once('error', (error) => {
      listening.dispose();
      reject(error);
    });
    child.once('close', (code) => {
      listening.dispose();
      if (token.isCancellationRequested) {
        reject(new vscode.CancellationError());
      } else if (code === 0) {
        resolve();
      } else {
        reject(new Error(last || t('{0} ended with {1}.', program, code ?? -1)));
      }
    });
  });
}

async function tellOfPython(): Promise<void> {
  const python = t('Get Python');
  const uv = t('Get uv');
  const message = t('Neither uv, pipx nor Python was found. Install Python 3.11 or newer, or uv, then try again.');
  const picked = await vscode.window.showErrorMessage(message, python, uv);
  if (picked) {
    const page = picked === uv ? 'https://docs.astral.sh/uv/' : 'https://www.python.org/downloads/';
    await vscode.env.openExternal(vscode.Uri.parse(page));
  }
}
