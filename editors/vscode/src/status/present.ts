/**
 * What the status bar shows of a Status: text, colour, tooltip.
 *
 * Invariant: every figure is the server's; nothing is shown that it did not say. What comes from files or the server is
 * escaped before it becomes Markdown.
 */

import { t } from '../l10n';
import type { Status, WorkspaceStatus } from '../protocol';
import { percent } from '../search/freshness';
import type { Phase } from '../server/server';
import { key } from '../server/uris';
import { formatBytes, formatCount, formatUse, parseSize } from '../size';
import { budgetSetBy, stateWord, stepWord } from './words';

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
  /** Those of this window. */
  settings?: { budget: string };
}

/** The item in the status bar; `folders` are this window's, by URI. */
export function bar({ phase, trouble, status }: Shown, folders: ReadonlyMap<string, string>): Bar {
  switch (phase) {
    case 'missing':
      return { text: `$(warning) ${t('Lowtide: not found')}`, spoken: t('Lowtide: not found'), tone: 'warning' };
    case 'unsupported':
      return {
        text: `$(circle-slash) ${t('Lowtide: Linux only')}`,
        spoken: `${t('Lowtide: Linux only')}. ${trouble}`,
        tone: 'warning',
      };
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
  const share = indexedShare(status, folders);
  const cutShort = isCutShort(status, folders);
  const doing = cutShort ? t('incomplete') : stateWord(status.state);
  const spoken = t(
    'Lowtide: {0}; {1} of memory',
    share === undefined ? doing : `${doing}, ${t('{0} % indexed', share)}`,
    use,
  );
  const said = [
    ...(share === undefined ? [] : [`${share} %`]),
    ...(status.state === 'paused' ? [t('paused')] : []),
    ...(cutShort && share === undefined ? [t('incomplete')] : []),
  ].join(' ');
  const text = (icon: string): string => `$(${icon}) Lowtide ${said ? `${said} · ` : ''}${use}`;
  if (status.health === 'error') {
    return { text: text('error'), spoken: `${spoken}. ${status.message}`, tone: 'error' };
  }
  if (status.state === 'paused') {
    return { text: text('debug-pause'), spoken, tone: 'normal' };
  }
  // The server warns when less is done than the budget allows; a small one that was chosen is no warning.
  const tone = status.health === 'warning' ? 'warning' : 'normal';
  const works = status.state === 'indexing' || status.state === 'scanning';
  return { text: text(works ? 'loading~spin' : cutShort ? 'circle-slash' : 'database'), spoken, tone };
}

/** How much of this window's folders is indexed, in whole percent; undefined when all is, or when it is not known. */
function indexedShare(status: Status, folders: ReadonlyMap<string, string>): number | undefined {
  const own = status.workspaces.filter((one) => folders.has(key(one.rootUri))).flatMap((one) => one.freshness ?? []);
  if (!own.some(({ state }) => state === 'indexing' || state === 'incomplete')) {
    return undefined;
  }
  const indexed = own.reduce((sum, one) => sum + one.indexed, 0);
  const total = own.reduce((sum, one) => sum + one.total, 0);
  return total > 0 && indexed < total ? percent({ indexed, total }) : undefined;
}

/** Markdown of the tooltip; `folders` are this window's, by URI. */
export function tooltip(shown: Shown, folders: ReadonlyMap<string, string>): string {
  const { phase, trouble, status } = shown;
  if (!status) {
    const act =
      phase === 'missing' ? command('lowtide.setUp', t('Set up Lowtide')) : command('lowtide.restart', t('Restart'));
    return [
      `**Lowtide**`,
      escape(trouble || bar({ phase, trouble, status }, folders).spoken),
      ...(phase === 'unsupported' ? [] : [`${act} · ${logLink()}`]),
    ].join('\n\n');
  }
  const cutShort = isCutShort(status, folders);
  const parts = [`**Lowtide** ${status.version} — ${doing(status, cutShort)}`];
  if (status.message) {
    parts.push(`$(${status.health === 'error' ? 'error' : 'warning'}) ${escape(status.message)}`);
  }
  parts.push(memoryTable(status), ...otherBudget(shown));
  parts.push(...filesTable(status, folders));
  if (cutShort) {
    parts.push(`$(info) ${t('Some files are not indexed yet.')} ${command('lowtide.reindex', t('Resume Indexing'))}`);
  }
  if (status.ladder.step !== 'full') {
    const why = status.ladder.reason ? ` (${escape(status.ladder.reason)})` : '';
    parts.push(`${t('Running with')}: **${stepWord(status.ladder.step)}**${why}`);
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
  const word = cutShort ? t('incomplete') : stateWord(status.state);
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
    `| **${t('total')}** | | **${formatBytes(memory.usedBytes)}** |`,
    `| ${budgetWords(memory.budgetFrom)} | | ${formatBytes(memory.budgetBytes)} |`,
    `| ${t('peak')} | | ${formatBytes(memory.peakBytes)} |`,
  ].join('\n');
}

/** The budget is one for all windows: who has set it is said. */
function budgetWords(from: string | undefined): string {
  const by = budgetSetBy(from);
  return by ? escape(t('budget, set by {0}', by)) : t('budget');
}

/** A setting of this window that is not in force is said, with the button that makes it so. */
function otherBudget({ status, settings }: Shown): string[] {
  const wanted = parseSize(settings?.budget ?? '');
  if (!status || wanted === undefined || wanted === status.memory.budgetBytes) {
    return [];
  }
  const words = t(
    'Your setting lowtide.budget ({0}) is not in effect: all windows and editors share one budget.',
    formatBytes(wanted),
  );
  return [`$(info) ${escape(words)} ${command('lowtide.useBudget', t('Use {0}', formatBytes(wanted)))}`];
}

function filesTable(status: Status, folders: ReadonlyMap<string, string>): string[] {
  const own = status.workspaces.filter((workspace) => folders.has(key(workspace.rootUri)));
  const parts: string[] = [];
  if (own.length > 0) {
    const named = (workspace: WorkspaceStatus): string => escape(folders.get(key(workspace.rootUri)) ?? '');
    parts.push(
      [
        header(t('Folder'), t('Files'), t('Symbols'), t('Pending'), t('Left out')),
        '|:--|--:|--:|--:|--:|',
        ...own.map((one) =>
          row(named(one), [
            formatCount(one.files),
            formatCount(one.symbols),
            formatCount(one.pending + one.stale),
            leftOut(one.skipped + one.failed + one.quarantined),
          ]),
        ),
      ].join('\n'),
    );
  }
  const elsewhere = status.workspaces.length - own.length;
  if (elsewhere === 1) {
    parts.push(t('1 more folder is open in another window.'));
  } else if (elsewhere > 1) {
    parts.push(t('{0} more folders are open in other windows.', elsewhere));
  }
  return parts;
}

/** Columns of a tooltip touch each other; the names of those with figures get some room. */
function header(first: string, ...others: string[]): string {
  return `| ${[first, ...others.map((name) => `&nbsp;&nbsp;&nbsp;${name}`)].join(' | ')} |`;
}

function row(name: string, figures: string[]): string {
  return `| ${[name, ...figures].join(' | ')} |`;
}

/** A click shows which, and why. */
function leftOut(count: number): string {
  return count === 0 ? '0' : command('lowtide.showLeftOut', formatCount(count));
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
