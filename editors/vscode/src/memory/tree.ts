/** The memory view: where the memory is, by process and part, and what the budget leaves. */

import * as vscode from 'vscode';
import { t } from '../l10n';
import type { MemoryNode } from '../protocol';
import type { Server } from '../server/server';
import { memoryRows, type Row } from './rows';

/** A view that is looked at is asked for at most this often. */
const LEAST_GAP_MS = 2_000;

export class MemoryTree implements vscode.TreeDataProvider<Row>, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  readonly onDidChangeTreeData = this.changed.event;
  private readonly view = vscode.window.createTreeView<Row>('lowtide.memory', { treeDataProvider: this });
  private readonly listening: vscode.Disposable;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly server: Server) {
    this.listening = vscode.Disposable.from(
      server.onDidChange(() => this.later()),
      this.view.onDidChangeVisibility(() => this.later()),
    );
  }

  refresh(): void {
    this.changed.fire();
  }

  private later(): void {
    if (this.view.visible && this.timer === undefined) {
      this.timer = setTimeout(() => {
        this.timer = undefined;
        this.refresh();
      }, LEAST_GAP_MS);
    }
  }

  async getChildren(row?: Row): Promise<Row[]> {
    if (row) {
      return [...row.children];
    }
    if (this.server.phase !== 'running') {
      return [];
    }
    const root: MemoryNode = await this.server.request('lowtide/memory', {});
    return memoryRows(root);
  }

  getTreeItem(row: Row): vscode.TreeItem {
    const state =
      row.children.length > 0 ? vscode.TreeItemCollapsibleState.Expanded : vscode.TreeItemCollapsibleState.None;
    const item = new vscode.TreeItem(row.label, state);
    item.id = row.id;
    item.description = row.size;
    item.tooltip = row.tooltip;
    item.iconPath = new vscode.ThemeIcon(row.icon);
    item.accessibilityInformation = { label: t('{0}: {1}', row.label, row.size) };
    return item;
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.listening.dispose();
    this.view.dispose();
    this.changed.dispose();
  }
}
