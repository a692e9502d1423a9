/**
 * The memory graph: a webview that draws used memory against the budget over time.
 *
 * Invariant: nothing remote; scripts and styles only from the extension's own folder, under a nonce.
 */

import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';
import { t } from '../l10n';
import type { Server } from '../server/server';
import { stateWord, stepWord } from '../status/words';
import { STEPS, type State } from '../protocol';
import { Samples } from './samples';

export class MemoryGraph implements vscode.Disposable {
  private panel: vscode.WebviewPanel | undefined;
  private readonly samples = new Samples();
  private readonly listening: vscode.Disposable;

  constructor(
    private readonly server: Server,
    private readonly extension: vscode.Uri,
  ) {
    this.listening = server.onDidChange(() => {
      if (server.status) {
        this.samples.add(server.status, Date.now() / 1000);
      }
      void this.send();
    });
  }

  async show(): Promise<void> {
    if (this.panel) {
      this.panel.reveal();
      return;
    }
    const media = vscode.Uri.joinPath(this.extension, 'media');
    const panel = vscode.window.createWebviewPanel('lowtide.graph', t('Lowtide Memory'), vscode.ViewColumn.Active, {
      enableScripts: true,
      localResourceRoots: [media],
    });
    this.panel = panel;
    panel.iconPath = {
      light: vscode.Uri.joinPath(media, 'view-light.svg'),
      dark: vscode.Uri.joinPath(media, 'view-dark.svg'),
    };
    panel.onDidDispose(() => (this.panel = undefined));
    panel.onDidChangeViewState(() => void this.send());
    panel.webview.onDidReceiveMessage((message: unknown) => {
      if (message === 'ready') {
        void this.send();
      }
    });
    panel.webview.html = page(panel.webview, media);
    try {
      this.samples.fill(await this.server.request('lowtide/history', {}));
    } catch {
      // Without a server there is no past to show; the page says so.
    }
    await this.send();
  }

  private async send(): Promise<void> {
    if (this.panel?.visible) {
      const { status, phase, trouble } = this.server;
      await this.panel.webview.postMessage({
        samples: this.samples.all,
        now: status
          ? { ...status.memory, state: status.state, step: status.ladder.step, reason: status.ladder.reason }
          : null,
        trouble: phase === 'running' || phase === 'starting' ? '' : trouble || t('Lowtide is not running.'),
      });
    }
  }

  dispose(): void {
    this.listening.dispose();
    this.panel?.dispose();
  }
}

const STATES: readonly State[] = ['idle', 'scanning', 'indexing', 'paused', 'waiting'];

/** What the page says, translated here. */
function words(): Record<string, string> {
  return {
    graph: t('Memory used, against the budget, over time'),
    used: t('In use'),
    budget: t('Budget'),
    peak: t('Peak'),
    mapped: t('Mapped files'),
    phase: t('State'),
    step: t('Running with'),
    none: t('No data yet.'),
    keys: t('Arrow keys move along the line.'),
    table: t('Show as a table'),
    time: t('Time'),
    reduced: t('reduced'),
    ...Object.fromEntries(STATES.map((state) => [`state.${state}`, stateWord(state)])),
    ...Object.fromEntries(STEPS.map((step) => [`step.${step}`, stepWord(step)])),
  };
}

function page(webview: vscode.Webview, media: vscode.Uri): string {
  const nonce = randomBytes(16).toString('base64');
  const at = (name: string): string => webview.asWebviewUri(vscode.Uri.joinPath(media, name)).toString();
  const text = JSON.stringify(words()).replaceAll('<', '\\u003c');
  return `<!DOCTYPE html>
<html lang="${vscode.env.language}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src ${webview.cspSource}; script-src 'nonce-${nonce}'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Lowtide</title>
<link rel="stylesheet" href="${at('graph.css')}">
</head>
<body>
<main id="main"></main>
<script type="application/json" id="words" nonce="${nonce}">${text}</script>
<script nonce="${nonce}" src="${at('graph.js')}"></script>
</body>
</html>`;
}
