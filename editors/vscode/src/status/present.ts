/**
 * What the status bar shows of a Status: text, colour, tooltip.
 *
 * Invariant: every figure is the server's; nothing is shown that it did not say. What comes from files or the server is
 * escaped before it becomes Markdown.
 */

import { t } from '../l10n';
import type { Status, WorkspaceStatus } from '../protocol';
import type { Phase } from '../server/server';
import { formatBytes, formatCount, formatUse } from '../size';
import { stateWord, stepWord } from './words';

export type Tone = 'normal' | 'warning' | 'error';

export interface Bar {
  text: string;
  /** What a screen reader says. */
  spoken: string;
  tone: Tone;
}

export interface Shown {
  phase: Phase;
  trouble: string;
  status: Status | undefined;
}

/** The item in the status bar. */
export function bar({ phase, trouble, status }: Shown): Bar {
  switch (phase) {
    case 'missing':
      return { text: `$(warning) ${t('Lowtide: not found')}`, spoken: t('Lowtide: not found'), tone: 'warning' };
    case 'failed':
      return {
        text: `$(error) ${t('Lowtide: stopped')}`,
        spoken: `${t('Lowtide: stopped')}. ${trouble}`,
        tone: 'error',
      };
    case 'restarting':
      return { text: `$(sync~spin) ${t('Lowtide: restarting')}`, spoken: t('Lowtide: restarting'), tone: 'warning' };
    case 'stopped':
      return { text: `$(circle-slash) ${t('Lowtide: off')}`, spoken: t('Lowtide: off'), tone: 'normal' };
    case 'starting':
    case 'running':
      break;
  }
  if (!status) {
    return { text: '$(loading~spin) Lowtide', spoken: t('Lowtide is starting'), tone: 'normal' };
  }
  const use = formatUse(status.memory.usedBytes, status.memory.budgetBytes);
  const spoken = t('Lowtide: {0} of memory, {1}', use, stateWord(status.state));
  if (status.health === 'error') {
    return { text: `$(error) ${use}`, spoken: `${spoken}. ${status.message}`, tone: 'error' };
  }
  if (status.state === 'paused') {
    return { text: `$(debug-pause) ${use} ${t('paused')}`, spoken, tone: 'normal' };
  }
  const tone = status.health === 'warning' || status.ladder.step !== 'full' ? 'warning' : 'normal';
  const works = status.state === 'indexing' || status.state === 'scanning';
  return { text: `${works ? '$(loading~spin)' : '$(database)'} ${use}`, spoken, tone };
}

/** Markdown of the tooltip; `folders` are this window's, by URI. */
export function tooltip({ phase, trouble, status }: Shown, folders: ReadonlyMap<string, string>): string {
  if (!status) {
    const act =
      phase === 'missing'
        ? command('lowtide.setUp', t('Install or choose it'))
        : command('lowtide.restart', t('Restart'));
    return [`**Lowtide**`, escape(trouble || bar({ phase, trouble, status }).spoken), `${act} · ${logLink()}`].join(
      '\n\n',
    );
  }
  const cutShort = isCutShort(status, folders);
  const parts = [`**Lowtide** ${status.version} — ${doing(status, cutShort)}`];
  if (status.message) {
    parts.push(`$(${status.health === 'error' ? 'error' : 'warning'}) ${escape(status.message)}`);
  }
  parts.push(memoryTable(status));
  parts.push(...filesTable(status, folders));
  if (cutShort) {
    parts.push(`$(info) ${t('Not all files are indexed yet.')} ${command('lowtide.reindex', t('Go on'))}`);
  }
  if (status.ladder.step !== 'full') {
    parts.push(`${t('Works with')}: **${stepWord(status.ladder.step)}**. ${escape(status.ladder.reason)}`);
  }
  parts.push(
    [
      command('lowtide.search', `$(search) ${t('Search')}`),
      status.state === 'paused'
        ? command('lowtide.resume', `$(debug-start) ${t('Resume')}`)
        : command('lowtide.pause', `$(debug-pause) ${t('Pause')}`),
      command('lowtide.showMemoryGraph', `$(graph-line) ${t('Memory')}`),
      command('lowtide.setBudget', `$(settings) ${t('Budget')}`),
      logLink(),
    ].join(' · '),
  );
  return parts.join('\n\n');
}

/** Nothing more is done, though a folder of this window is not wholly indexed: it was cancelled. */
function isCutShort(status: Status, folders: ReadonlyMap<string, string>): boolean {
  return status.state === 'idle' && status.workspaces.some((one) => one.incomplete && folders.has(key(one.rootUri)));
}

function doing(status: Status, cutShort: boolean): string {
  const word = cutShort ? t('stopped before the end') : stateWord(status.state);
  const progress = status.progress;
  return progress && status.state !== 'idle'
    ? `${word}, ${formatCount(progress.done)} / ${formatCount(progress.total)}`
    : word;
}

function memoryTable(status: Status): string {
  const { memory } = status;
  const rows = memory.processes.map(
    ({ role, pid, anonBytes }) => `| ${escape(role)} | ${pid} | ${formatBytes(anonBytes)} |`,
  );
  return [
    header(t('Process'), 'PID', t('Memory')),
    '|:--|--:|--:|',
    ...rows,
    `| **${t('together')}** | | **${formatBytes(memory.usedBytes)}** |`,
    `| ${t('budget')} | | ${formatBytes(memory.budgetBytes)} |`,
    `| ${t('most so far')} | | ${formatBytes(memory.peakBytes)} |`,
  ].join('\n');
}

function filesTable(status: Status, folders: ReadonlyMap<string, string>): string[] {
  const own = status.workspaces.filter((workspace) => folders.has(key(workspace.rootUri)));
  const parts: string[] = [];
  if (own.length > 0) {
    const named = (workspace: WorkspaceStatus): string => escape(folders.get(key(workspace.rootUri)) ?? '');
    parts.push(
      [
        header(t('Folder'), t('Files'), t('Symbols'), t('Waiting'), t('Left out')),
        '|:--|--:|--:|--:|--:|',
        ...own.map((one) =>
          row(named(one), [
            one.files,
            one.symbols,
            one.pending + one.stale,
            one.skipped + one.failed + one.quarantined,
          ]),
        ),
      ].join('\n'),
    );
  }
  const elsewhere = status.workspaces.length - own.length;
  if (elsewhere === 1) {
    parts.push(t('The same daemon keeps one more folder, of another window.'));
  } else if (elsewhere > 1) {
    parts.push(t('The same daemon keeps {0} more folders, of other windows.', elsewhere));
  }
  return parts;
}

/** Columns of a tooltip touch each other; the names of those with figures get some room. */
function header(first: string, ...others: string[]): string {
  return `| ${[first, ...others.map((name) => `&nbsp;&nbsp;&nbsp;${name}`)].join(' | ')} |`;
}

function row(name: string, figures: number[]): string {
  return `| ${[name, ...figures.map(formatCount)].join(' | ')} |`;
}

/** URIs are compared as the server writes them: nothing encoded that need not be. */
export function key(uri: string): string {
  try {
    return decodeURIComponent(uri).replace(/\/+$/, '');
  } catch {
    return uri;
  }
}

function command(id: string, label: string): string {
  return `[${label}](command:${id})`;
}

function logLink(): string {
  return command('lowtide.showLog', `$(output) ${t('Log')}`);
}

/** Text that must not become Markdown, an icon or a link. */
export function escape(text: string): string {
  return text.replace(/[\\`*_{}[\]()#+\-.!|<>$~]/g, '\\$&').replace(/\s+/g, ' ');
}
