import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Backoff, WELL_AFTER_MS } from '../../src/server/backoff';
import { locate, type Machine } from '../../src/server/locate';
import { fileServed, languageServed, withoutDoubles } from '../../src/server/others';
import { startProcess } from '../../src/server/process';
import { readSettings, serverSettings } from '../../src/settings';

function machine(programs: string[], more: Partial<Machine> = {}): Machine {
  return {
    home: '/home/me',
    env: { PATH: '/usr/bin:.:/bin' },
    isProgram: (file) => Promise.resolve(programs.includes(file)),
    ...more,
  };
}
const where = { configured: '', trusted: true };

test('PATH is before the Python environment, that before the tools of uv', async () => {
  const python = () => Promise.resolve('/w/.venv/bin/python');
  const all = ['/usr/bin/lowtide', '/w/.venv/bin/lowtide', '/home/me/.local/bin/lowtide'];
  const found = [];
  for (let from = 0; from < 3; from += 1) {
    found.push(await locate(machine(all.slice(from)), { ...where, python }));
  }
  assert.deepEqual(
    found.map((one) => one.found && [one.command, one.source]),
    [
      [all[0], 'PATH'],
      [all[1], 'python'],
      [all[2], 'tools'],
    ],
  );
});

test('in a workspace that is not trusted its Python environment is not even asked for', async () => {
  const python = () => assert.fail('asked');
  const located = await locate(machine(['/w/.venv/bin/lowtide']), { configured: '', trusted: false, python });
  assert.equal(located.found, false);
});

test('a relative entry of PATH is never used', async () => {
  const located = await locate(machine(['lowtide', './lowtide']), where);
  assert.equal(located.found, false);
});

test('a path that was set is used or reported, not replaced', async () => {
  const located = await locate(machine(['/usr/bin/lowtide']), { ...where, configured: '~/lt' });
  assert.deepEqual(located, { found: false, configured: '/home/me/lt', looked: ['/home/me/lt'] });
  const inFolder = { ...where, configured: '${workspaceFolder}/bin/lowtide', folder: '/w' };
  assert.deepEqual(await locate(machine(['/w/bin/lowtide']), inFolder), {
    found: true,
    command: '/w/bin/lowtide',
    source: 'setting',
  });
});

test('deaths in a row are answered later and later, then no more; a long life forgives', () => {
  let now = 0;
  const backoff = new Backoff(() => now);
  const delays = [];
  for (let death = 0; death < 6; death += 1) {
    backoff.started();
    delays.push(backoff.died());
  }
  assert.deepEqual(delays, [500, 1000, 2000, 5000, 10000, undefined]);
  backoff.started();
  now += WELL_AFTER_MS;
  assert.equal(backoff.died(), 500);
  backoff.reset();
  assert.equal(backoff.died(), 500);
});

test('only an active extension counts as serving', () => {
  assert.ok(languageServed('rust', (id) => id === 'rust-lang.rust-analyzer'));
  assert.ok(!languageServed('rust', () => false));
  assert.ok(!languageServed('make', () => true));
  assert.ok(fileServed('/w/A.PY', (id) => id === 'ms-python.vscode-pylance'));
  assert.ok(!fileServed('/w/Makefile', () => true));
});

test('a symbol that another extension gives is left out, though it begins it some lines off or writes ()', () => {
  const own = [
    { name: 'run', uri: 'file:///a.ts', line: 12 },
    { name: 'run', uri: 'file:///a.ts', line: 80 },
    { name: 'run', uri: 'file:///b.lua', line: 12 },
  ];
  const left = withoutDoubles(own, [{ name: 'run()', uri: 'file:///a.ts', line: 10 }], (one) => one);
  assert.deepEqual(left, own.slice(1));
});

test('settings of another type than declared give the default; the server gets no empty budget', () => {
  const settings = readSettings({
    get: (key) => ({ 'search.limit': 10_000, workspaceSymbols: 7, definition: { lua: true }, hover: 'never' })[key],
  });
  assert.equal(settings.searchLimit, 200);
  assert.equal(settings.workspaceSymbols, 'merge');
  assert.deepEqual([settings.definition, settings.hover], ['auto', 'never']);
  const all = { '*': true };
  assert.deepEqual(serverSettings(settings), { definition: all, references: all, progress: true });
  assert.equal(serverSettings({ ...settings, budget: '1GiB' }).budget, '1GiB');
});

test('why a server ended is the last line that it wrote, without its own name before it', async () => {
  const root = mkdtempSync(join(tmpdir(), 'lowtide-unit-'));
  try {
    const file = join(root, 'dies');
    const said = "echo 'event=x' >&2\necho 'lowtide: disk full; free some space' >&2";
    writeFileSync(file, `#!/bin/sh\n${said}\nexit 3\n`, { mode: 0o755 });
    const why = await new Promise((resolve) => startProcess(file, undefined, resolve));
    assert.equal(why, 'disk full; free some space');
  } finally {
    rmSync(root, { recursive: true });
  }
});
