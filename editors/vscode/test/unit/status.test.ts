import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Status } from '../../src/protocol';
import { budgetProblem, formatBytes, formatUse, MIB, parseSize } from '../../src/size';
import { bar as barOf, escape, type Shown, tooltip } from '../../src/status/present';

const status: Status = {
  version: '0.1.0',
  health: 'ok',
  message: '',
  state: 'idle',
  quiescent: true,
  memory: {
    budgetBytes: 512 * MIB,
    usedBytes: 212 * MIB,
    peakBytes: 300 * MIB,
    mappedBytes: 9 * MIB,
    processes: [
      { role: 'daemon', pid: 41, anonBytes: 50 * MIB },
      { role: 'worker', pid: 42, anonBytes: 162 * MIB },
    ],
  },
  ladder: { step: 'full', reason: '' },
  progress: null,
  workspaces: [],
};
const own = new Map([['file:///w/my shop', 'my shop']]);
const bar = (given: Shown) => barOf(given, own);
const shown = (more: Partial<Status> = {}) => ({
  phase: 'running' as const,
  trouble: '',
  status: { ...status, ...more },
});

test('the bar shows used and budget, and what is being done', () => {
  assert.deepEqual([bar(shown()).text, bar(shown()).tone], ['$(database) Lowtide 212 / 512 MiB', 'normal']);
  assert.match(bar(shown({ state: 'indexing' })).text, /^\$\(loading~spin\) Lowtide 212/);
  const paused = bar(shown({ state: 'paused', ladder: { step: 'paused', reason: 'by you' } }));
  assert.equal(paused.text, '$(debug-pause) Lowtide paused · 212 / 512 MiB');
});

test('where the server does not run the bar says so, and nothing is offered that cannot be done', () => {
  const elsewhere = { phase: 'unsupported' as const, trouble: 'Lowtide runs on Linux.', status: undefined };
  assert.equal(bar(elsewhere).text, '$(circle-slash) Lowtide: Linux only');
  assert.match(bar(elsewhere).spoken, /runs on Linux/);
  assert.match(tooltip(elsewhere, own), /runs on Linux/);
  assert.doesNotMatch(tooltip(elsewhere, own), /command:/);
});

const folder = {
  files: 154,
  symbols: 1854,
  chunks: 1,
  vectors: 1,
  diskBytes: 1,
  pending: 3,
  stale: 1,
  skipped: 2,
  failed: 0,
  quarantined: 1,
  incomplete: false,
};

test('the bar says how much of this window’s folders is in, and that it is a part after Cancel', () => {
  const at = (rootUri: string, indexed: number, state: 'indexing' | 'incomplete' | 'current') => ({
    ...folder,
    rootUri,
    incomplete: state !== 'current',
    freshness: { state, indexed, total: 4826, reason: '' },
  });
  const begun = shown({ state: 'indexing', workspaces: [at('file:///w/my%20shop', 103, 'indexing')] });
  assert.equal(bar(begun).text, '$(loading~spin) Lowtide 2 % · 212 / 512 MiB');
  assert.match(bar(begun).spoken, /indexing, 2 % indexed/);
  const cancelled = shown({ workspaces: [at('file:///w/my%20shop', 2413, 'incomplete')] });
  assert.equal(bar(cancelled).text, '$(circle-slash) Lowtide 50 % · 212 / 512 MiB');
  assert.match(bar(cancelled).spoken, /incomplete/);
  const elsewhere = shown({ state: 'indexing', workspaces: [at('file:///w/other', 103, 'indexing')] });
  assert.equal(bar(elsewhere).text, '$(loading~spin) Lowtide 212 / 512 MiB', 'another window’s is none of ours');
  const whole = shown({ workspaces: [at('file:///w/my%20shop', 4826, 'current')] });
  assert.equal(bar(whole).text, '$(database) Lowtide 212 / 512 MiB');
});

test('short of memory is a warning, a small budget is none, ill is an error and not silent for a screen reader', () => {
  assert.equal(bar(shown({ ladder: { step: 'one-worker', reason: 'the budget leaves 60 MiB' } })).tone, 'normal');
  assert.equal(bar(shown({ health: 'warning', ladder: { step: 'one-worker', reason: 'memory' } })).tone, 'warning');
  const ill = bar(shown({ health: 'error', message: 'disk full' }));
  assert.equal(ill.tone, 'error');
  assert.match(ill.spoken, /disk full/);
});

test('without a server the bar says why', () => {
  for (const [phase, word] of [
    ['missing', 'not found'],
    ['failed', 'stopped'],
    ['restarting', 'restarting'],
  ] as const) {
    assert.match(bar({ phase, trouble: '', status: undefined }).text, new RegExp(word));
  }
});

test('the tooltip has every process, this window’s folders, and how many are of other windows', () => {
  const workspaces = ['file:///w/my%20shop', 'file:///w/other'].map((rootUri) => ({ ...folder, rootUri }));
  const text = tooltip(shown({ workspaces }), own);
  assert.match(text, /\| daemon \| 41 \| 50 MiB \|/);
  assert.match(text, /\| worker \| 42 \| 162 MiB \|/);
  const leftOut = '[3](command:lowtide.showLeftOut)';
  assert.ok(text.includes(`| my shop | 154 | ${(1854).toLocaleString()} | 4 | ${leftOut} |`));
  assert.match(text, /1 more folder is open in another window/);
  assert.match(text, /up to date/);
  const cut = workspaces.map((one) => ({ ...one, incomplete: true }));
  const cutText = tooltip(shown({ workspaces: cut }), own);
  assert.match(cutText, /Some files are not indexed yet\. \[Resume Indexing\]\(command:lowtide\.reindex\)/);
  assert.doesNotMatch(cutText, /up to date/);
  assert.doesNotMatch(tooltip(shown({ workspaces: cut }), new Map()), /Some files are not/);
  assert.match(text, /command:lowtide\.pause/);
  assert.match(tooltip(shown({ state: 'paused' }), new Map()), /command:lowtide\.resume/);
});

test('the tooltip says who has set the budget, when somebody has', () => {
  const by = (budgetFrom: string) => tooltip(shown({ memory: { ...status.memory, budgetFrom } }), own);
  assert.match(by('/home/me/config.toml:1: budget'), /budget, set by \/home\/me\/config\\\.toml:1 \|/);
  assert.doesNotMatch(by('default'), /set by/);
});

test('a setting that is not in force says so, with a way to put it in force; one that is says nothing', () => {
  const by = (budget: string) => tooltip({ ...shown(), settings: { budget } }, own);
  assert.match(
    by('256MiB'),
    /lowtide\\\.budget \\\(256 MiB\\\) is not in effect.*\[Use 256 MiB\]\(command:lowtide\.useBudget\)/,
  );
  assert.doesNotMatch(by('512MiB') + by('') + by('lots'), /not in effect/);
});

test('what the server says cannot become a link, an icon or a table', () => {
  const evil = escape('[x](command:evil) $(bug) | <b>\n# h');
  assert.doesNotMatch(evil, /(^|[^\\])[[\]()|<>$#]/);
  assert.ok(!evil.includes('\n'));
});

test('sizes are read and written as people do', () => {
  assert.equal(parseSize('256MiB'), 256 * MIB);
  assert.equal(parseSize(' 1.5 G '), 1536 * MIB);
  assert.equal(parseSize('lots'), undefined);
  assert.ok(budgetProblem('95MiB'));
  assert.equal(budgetProblem('96MiB'), undefined);
  assert.equal(formatBytes(1536), '2 KiB');
  assert.equal(formatUse(3 * 1024 * MIB, 16 * 1024 * MIB), '3.0 / 16.0 GiB');
});
