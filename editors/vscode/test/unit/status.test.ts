import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Status } from '../../src/protocol';
import { budgetProblem, formatBytes, formatUse, MIB, parseSize } from '../../src/size';
import { bar, escape, tooltip } from '../../src/status/present';

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
const shown = (more: Partial<Status> = {}) => ({
  phase: 'running' as const,
  trouble: '',
  status: { ...status, ...more },
});

test('the bar shows used and budget, and what is being done', () => {
  assert.deepEqual([bar(shown()).text, bar(shown()).tone], ['$(database) 212 / 512 MiB', 'normal']);
  assert.match(bar(shown({ state: 'indexing' })).text, /^\$\(loading~spin\) 212/);
  assert.match(bar(shown({ state: 'paused', ladder: { step: 'paused', reason: 'by you' } })).text, /paused$/);
});

test('less than full work is a warning, ill is an error, and neither is silent for a screen reader', () => {
  assert.equal(bar(shown({ ladder: { step: 'one-worker', reason: 'memory' } })).tone, 'warning');
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
    incomplete: false,
  };
  const workspaces = ['file:///w/my%20shop', 'file:///w/other'].map((rootUri) => ({
    rootUri,
    quarantined: 1,
    ...folder,
  }));
  const text = tooltip(shown({ workspaces }), new Map([['file:///w/my shop', 'my shop']]));
  assert.match(text, /\| daemon \| 41 \| 50 MiB \|/);
  assert.match(text, /\| worker \| 42 \| 162 MiB \|/);
  assert.match(text, new RegExp(`\\| my shop \\| 154 \\| ${(1854).toLocaleString()} \\| 4 \\| 3 \\|`));
  assert.match(text, /one more folder,/);
  assert.match(text, /up to date/);
  const cut = workspaces.map((one) => ({ ...one, incomplete: true }));
  const cutText = tooltip(shown({ workspaces: cut }), new Map([['file:///w/my shop', 'my shop']]));
  assert.match(cutText, /Not all files are indexed yet\. \[Go on\]\(command:lowtide\.reindex\)/);
  assert.doesNotMatch(cutText, /up to date/);
  assert.doesNotMatch(tooltip(shown({ workspaces: cut }), new Map()), /Not all files/);
  assert.match(text, /command:lowtide\.pause/);
  assert.match(tooltip(shown({ state: 'paused' }), new Map()), /command:lowtide\.resume/);
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
