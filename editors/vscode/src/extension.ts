/** Puts the features together; each has its own file. */

import * as vscode from 'vscode';
import { explain } from './explain';
import { saying } from './failures';
import { rebuild, reindex, setBudget, useBudget, watchBudget } from './indexing';
import { setTranslation } from './l10n';
import { MemoryGraph } from './memory/graph';
import { MemoryTree } from './memory/tree';
import type { SearchHit, Status } from './protocol';
import { SearchHistory } from './search/history';
import { leaveOut } from './scope/change';
import { showLeftOut } from './scope/leftOut';
import { PreviewTexts, SCHEME } from './search/previewTexts';
import { REMOTE, textOf } from './search/remote';
import { openHit, Results } from './search/results';
import { Search } from './search/search';
import { findSimilar } from './search/similar';
import { type Phase, Server } from './server/server';
import { firstTime } from './setup/firstTime';
import { choosePath, setUp, tellOfTrouble } from './setup/missing';
import { installServer } from './setup/install';
import { restarts } from './setup/restarts';
import { watchVersion } from './setup/version';
import { showMenu } from './status/menu';
import { statusBar } from './status/statusBar';

/** What other extensions, and tests, can see. */
export interface Api {
  readonly phase: Phase;
  readonly status: Status | undefined;
  readonly onDidChange: vscode.Event<void>;
  /** Milliseconds that `activate` took, by the clock and of the processor. */
  readonly activation: { wallMs: number; cpuMs: number };
}

export function activate(context: vscode.ExtensionContext): Api {
  const began = performance.now();
  const beganCpu = process.cpuUsage();
  setTranslation((message, ...values) => vscode.l10n.t(message, ...values));
  const log = vscode.window.createOutputChannel('Lowtide', { log: true });
  const server = new Server(log, context.globalStorageUri.fsPath);
  const results = new Results();
  const texts = new PreviewTexts();
  const keep = results.show.bind(results);
  const search = new Search(server, new SearchHistory(context.workspaceState), keep, texts);
  const memory = new MemoryTree(server);
  const install = (): Promise<unknown> => installServer(server, context.extensionPath, log);
  const { version } = context.extension.packageJSON as { version: string };
  const graph = new MemoryGraph(server, context.extensionUri);
  const commands: Record<string, (...given: never[]) => unknown> = {
    'lowtide.search': (text?: unknown) => search.open(typeof text === 'string' ? text : selectedLine()),
    'lowtide.search.resume': () => search.resume(),
    'lowtide.showLeftOut': () => showLeftOut(server),
    'lowtide.leaveOut': (uri?: unknown) => leaveOut(uri instanceof vscode.Uri ? uri : undefined),
    'lowtide.search.openToSide': () => search.openAside(),
    'lowtide.search.showResults': () => search.showResults(),
    'lowtide.findSimilar': () => findSimilar(server, keep),
    'lowtide.openHit': (hit: SearchHit) => openHit(hit),
    // By its key it is given nothing.
    'lowtide.openHitToSide': (hit?: SearchHit) => openHit(hit ?? results.selected, vscode.ViewColumn.Beside),
    'lowtide.clearResults': () => results.clear(),
    'lowtide.menu': () => showMenu(server),
    'lowtide.pause': () => server.request('lowtide/pause', {}),
    'lowtide.resume': () => server.request('lowtide/resume', {}),
    'lowtide.cancel': () => server.request('lowtide/cancel', {}),
    'lowtide.reindex': () => reindex(server, false),
    'lowtide.rebuild': () => rebuild(server),
    'lowtide.setBudget': () => setBudget(server),
    'lowtide.useBudget': () => useBudget(server),
    'lowtide.explain': (uri?: unknown) => explain(server, uri instanceof vscode.Uri ? uri : undefined),
    'lowtide.showMemoryGraph': () => graph.show(),
    'lowtide.refreshMemory': () => memory.refresh(),
    'lowtide.setUp': () => setUp(server, install),
    'lowtide.update': () => install(),
    'lowtide.choosePath': () => choosePath(),
    'lowtide.restart': () => server.restart(),
    'lowtide.showLog': () => log.show(),
    'lowtide.openSettings': () =>
      vscode.commands.executeCommand('workbench.action.openSettings', `@ext:${context.extension.id}`),
    'lowtide.openKeys': () =>
      vscode.commands.executeCommand('workbench.action.openGlobalKeybindings', `@ext:${context.extension.id}`),
    'lowtide.openWalkthrough': () =>
      vscode.commands.executeCommand('workbench.action.openWalkthrough', `${context.extension.id}#start`),
  };
  context.subscriptions.push(
    log,
    server,
    results,
    memory,
    graph,
    statusBar(server),
    vscode.workspace.registerTextDocumentContentProvider(SCHEME, texts),
    vscode.workspace.registerTextDocumentContentProvider(REMOTE, { provideTextDocumentContent: textOf }),
    tellOfTrouble(server, install),
    watchVersion(server, version, context.globalState, install),
    firstTime(server, context.globalState),
    restarts(server),
    watchBudget(server),
    contexts(server),
    ...Object.entries(commands).map(([id, run]) =>
      vscode.commands.registerCommand(id, (...given: never[]) => saying(() => run(...given), log)),
    ),
  );
  void server.start();
  const cpu = process.cpuUsage(beganCpu);
  const activation = { wallMs: performance.now() - began, cpuMs: (cpu.user + cpu.system) / 1000 };
  log.info(`event=activated took_ms=${activation.wallMs.toFixed(1)} cpu_ms=${activation.cpuMs.toFixed(1)}`);
  return {
    get phase() {
      return server.phase;
    },
    get status() {
      return server.status;
    },
    onDidChange: server.onDidChange,
    activation,
  };
}

/** What menus, commands and welcome texts depend on. */
function contexts(server: Server): vscode.Disposable {
  const known = new Map<string, string>();
  const set = (name: string, value: string): void => {
    if (known.get(name) !== value) {
      known.set(name, value);
      void vscode.commands.executeCommand('setContext', name, value);
    }
  };
  return server.onDidChange(() => {
    const state = server.status?.state ?? 'idle';
    set('lowtide.phase', server.phase);
    set('lowtide.doing', state === 'paused' || state === 'idle' ? state : 'working');
  });
}

/** What is selected on one line is what the search begins with, as in the editor's own. */
function selectedLine(): string {
  const editor = vscode.window.activeTextEditor;
  return editor?.selection.isSingleLine ? editor.document.getText(editor.selection).trim() : '';
}
