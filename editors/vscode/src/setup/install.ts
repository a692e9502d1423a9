/**
 * Installs the server: one click, a notification that says how far it is, and words when it fails. The log has every line.
 *
 * Invariant: nothing is installed but by a click; cancelling ends the process and leaves no half of an environment.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import * as vscode from 'vscode';
import { t } from '../l10n';
import { thisMachine } from '../server/machine';
import type { Server } from '../server/server';
import { whyItFailed } from './failure';
import { wordsForUv } from './quick';
import { refusal } from './supported';
import { ownEnvironment, type Quick, type Step, type Way, waysToInstall } from './ways';
import { ownWheel } from './wheel';

/**
 * Ends well where Python is new enough and makes environments (Debian keeps that apart), and says where the pip is that
 * it puts into them: among its own files, or where the system keeps wheels.
 */
const PIP_OF = [
  'import ensurepip, glob, os, sys, sysconfig, venv',
  'if sys.version_info < (3, 11): sys.exit(1)',
  'own = os.path.join(os.path.dirname(ensurepip.__file__), "_bundled")',
  'folders = filter(None, [own, sysconfig.get_config_var("WHEEL_PKG_DIR")])',
  'print(*[file for folder in folders for file in glob.glob(os.path.join(folder, "pip-*.whl"))][:1])',
].join('\n');
const LINES_KEPT = 200;

/** A step that did not end well; `lines` are what it said last. */
class StepFailed extends Error {
  constructor(
    message: string,
    readonly lines: readonly string[],
  ) {
    super(message);
  }
}

/** Install what this extension carries, the best way there is, and start it. False when that was not done. */
export async function installServer(server: Server, extension: string, log: vscode.LogOutputChannel): Promise<boolean> {
  const refused = refusal(process.platform);
  if (refused !== undefined) {
    void vscode.window.showWarningMessage(refused);
    return false;
  }
  const wheel = await ownWheel(extension);
  if (wheel === undefined) {
    void vscode.window.showErrorMessage(t('This build of the extension carries no server. Install lowtide yourself.'));
    return false;
  }
  const never = new vscode.CancellationTokenSource();
  const ways = await waysToInstall(thisMachine(), server.storage, wheel, (python) => {
    let file = '';
    const take = (line: string): void => {
      // A Python may have more to say.
      file = line.endsWith('.whl') ? line : file;
    };
    return run([python, '-c', PIP_OF], take, never.token).then(
      () => file,
      () => undefined,
    );
  });
  never.dispose();
  if (ways.length === 0) {
    await tellOfPython();
    return false;
  }
  await server.stop();
  const options = {
    location: vscode.ProgressLocation.Notification,
    cancellable: true,
    title: t('Installing Lowtide'),
  };
  let failed: unknown;
  const done = await vscode.window.withProgress(options, async (progress, token) => {
    for (const way of ways) {
      try {
        await follow(way, progress, token, log);
        return true;
      } catch (error) {
        failed = error;
        await rm(ownEnvironment(server.storage).root, { recursive: true, force: true });
        if (error instanceof vscode.CancellationError) {
          return false;
        }
        log.warn(`event=install-failed way=${way.kind} why=${String(error)}`);
      }
    }
    return false;
  });
  if (!done) {
    await server.restart();
    if (!(failed instanceof vscode.CancellationError)) {
      await tellFailure(failed, server, extension, log);
    }
    return false;
  }
  await server.restart();
  return true;
}

async function follow(
  way: Way,
  progress: vscode.Progress<{ message?: string; increment?: number }>,
  token: vscode.CancellationToken,
  log: vscode.LogOutputChannel,
): Promise<void> {
  const making = t('creating a Python environment (1 of 2)');
  const packages = t('installing the server and its packages (2 of 2)');
  const tell = (step: Step): ((line: string) => void) => {
    const write = logged(step, log);
    return (line) => {
      write(line);
      const name = /^(?:Collecting|Downloading|Installing)\s+([A-Za-z][\w-]*)/.exec(line)?.[1];
      if (name) {
        progress.report({ message: `${packages}: ${name}`, increment: 1 });
      }
    };
  };
  const make = async (step: Step): Promise<void> => {
    progress.report({ message: making, increment: 10 });
    await run(step, logged(step, log), token);
    progress.report({ message: packages, increment: 20 });
  };
  if (!way.quick || !(await installQuickly(way.quick, make, tell, token, log))) {
    const [environment, install] = way.steps;
    await make(environment);
    await run(install, tell(install), token);
  }
}

/** False when it could not be done so: pip does it then. */
async function installQuickly(
  quick: Quick,
  make: (step: Step) => Promise<void>,
  tell: (step: Step) => (line: string) => void,
  token: vscode.CancellationToken,
  log: vscode.LogOutputChannel,
): Promise<boolean> {
  try {
    await make(quick.make);
    await run(quick.unpack, logged(quick.unpack, log), token);
    const config: string[] = [];
    await run(quick.config, (line) => config.push(line), token);
    const words = wordsForUv(config, process.env);
    if (words === undefined) {
      return false;
    }
    await run(quick.get, tell(quick.get), token);
    const install: Step = [...quick.install, ...words];
    await run(install, tell(install), token);
    // What stays where it cannot be removed is of no use, and does no harm.
    await rm(quick.folder, { recursive: true, force: true }).catch(() => undefined);
    return true;
  } catch (error) {
    if (error instanceof vscode.CancellationError) {
      throw error;
    }
    log.warn(`event=install-failed way=quick why=${String(error)}`);
    return false;
  }
}

function logged(step: Step, log: vscode.LogOutputChannel): (line: string) => void {
  log.info(`event=install command=${step.join(' ')}`);
  return (line) => log.info(`event=install said=${line}`);
}

async function tellFailure(
  error: unknown,
  server: Server,
  extension: string,
  log: vscode.LogOutputChannel,
): Promise<void> {
  const again = t('Try Again');
  const show = t('Show Log');
  const why =
    error instanceof StepFailed ? whyItFailed(error.lines) : error instanceof Error ? error.message : String(error);
  const message = t('Lowtide could not be installed. {0}', why);
  const picked = await vscode.window.showErrorMessage(message, again, show);
  if (picked === again) {
    await installServer(server, extension, log);
  } else if (picked === show) {
    log.show();
  }
}

/** Runs it to its end; rejects with what it said when it failed, with CancellationError when it was cancelled. */
function run(step: Step, said: (line: string) => void, token: vscode.CancellationToken): Promise<void> {
  return new Promise((resolve, reject) => {
    const [program, ...words] = step;
    // A group of its own, so that what the program starts ends with it: venv runs ensurepip, uv and pip run builds.
    const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    const lines: string[] = [];
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        if (line.trim()) {
          lines.push(line.trim());
          lines.splice(0, lines.length - LINES_KEPT);
          said(line.trim());
        }
      });
    }
    const listening = token.onCancellationRequested(() => endAll(child));
    child.once('error', (error) => {
      listening.dispose();
      reject(new StepFailed(error.message, [error.message]));
    });
    child.once('close', (code) => {
      listening.dispose();
      if (token.isCancellationRequested) {
        reject(new vscode.CancellationError());
      } else if (code === 0) {
        resolve();
      } else {
        const ended = t('{0} ended with {1}.', program, code ?? -1);
        reject(new StepFailed(lines.at(-1) ?? ended, lines.length > 0 ? lines : [ended]));
      }
    });
  });
}

/** Ends the program and all that it has started: at once, since what it made is removed. */
function endAll(child: ChildProcess): void {
  if (child.pid === undefined) {
    return;
  }
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // The group has ended by itself.
  }
}

async function tellOfPython(): Promise<void> {
  const python = t('Get Python');
  const uv = t('Get uv');
  const message = t('Lowtide needs Python 3.11 or newer, or uv. Install one of them, then try again.');
  const picked = await vscode.window.showErrorMessage(message, python, uv);
  if (picked) {
    const page = picked === uv ? 'https://docs.astral.sh/uv/' : 'https://www.python.org/downloads/';
    await vscode.env.openExternal(vscode.Uri.parse(page));
  }
}
