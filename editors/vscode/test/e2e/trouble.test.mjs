/** What a person sees when something is wrong: no program, one that dies, a workspace that is not to be trusted. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { openEditor } from './editor.mjs';

const shots = process.env.SHOTS;
const theme = process.env.THEME ?? 'Default Dark Modern';
const small = (folder) => writeFileSync(join(folder, 'warehouse.py'), 'class Warehouse:\n    pass\n');

function program(file, text) {
  writeFileSync(file, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  return file;
}

test('without the server a message says so and offers what to do; one that dies or hangs is told of, too', async () => {
  const editor = await openEditor({ shots, theme, withLowtide: false, tree: small });
  try {
    const toast = editor.toast('Lowtide needs its server');
    await toast.waitFor({ timeout: 60_000 });
    await editor.barText(/not found/);
    await editor.page.waitForTimeout(300);
    await editor.shot('missing');
    for (const name of ['Install', 'Choose Path…']) {
      assert.equal(await toast.getByRole('button', { name }).count(), 1, name);
    }
    await editor.run('Notifications: Clear All Notifications');

    // A program that ends at once: tried again later and later, then no more, and said once.
    const tries = join(editor.root, 'tries');
    editor.write({
      'lowtide.path': program(
        join(editor.root, 'dies'),
        `echo x >> ${tries}\necho 'lowtide: disk full; free some space' >&2\nexit 3`,
      ),
    });
    await editor.barText(/restarting/);
    await editor.barText(/stopped/, 60_000);
    assert.equal(readFileSync(tries, 'utf8').length, 12, 'six tries');
    const stopped = editor.toast(/keeps stopping/);
    await stopped.waitFor();
    assert.equal(await stopped.count(), 1);
    assert.match(await stopped.innerText(), /free some space/);
    assert.equal(await editor.page.locator('.notifications-toasts .notification-list-item').count(), 1);
    await editor.page.waitForTimeout(300);
    await editor.shot('stopped');

    for (const name of ['Restart', 'Reinstall', 'Choose Path…', 'Show Log']) {
      assert.equal(await stopped.getByRole('button', { name }).count(), 1, name);
    }
    await editor.run('Notifications: Clear All Notifications');

    // One that says nothing for half a minute hangs.
    editor.write({ 'lowtide.path': program(join(editor.root, 'hangs'), 'exec sleep 1000') });
    await editor.barText(/Lowtide$/);
    await editor.barText(/restarting/, 60_000);

    // An older one is said once, with an update a click away.
    const older = join(editor.root, 'older');
    const python = join(dirname(process.env.LOWTIDE), 'python');
    const words = `import lowtide\nlowtide.__version__ = '0.0.9'\nfrom lowtide.cli import main\nmain()`;
    writeFileSync(`${older}.py`, words);
    editor.write({ 'lowtide.path': program(older, `exec ${python} ${older}.py "$@" --embedded`) });
    const update = editor.toast(/server is version 0\.0\.9; this extension was made for/);
    await update.waitFor({ timeout: 60_000 });
    assert.equal(await update.getByRole('button', { name: 'Update' }).count(), 1);
    await editor.shot('older');
    await editor.run('Notifications: Clear All Notifications');

    // The path, set right, is taken at once.
    editor.write({ 'lowtide.path': process.env.LOWTIDE });
    await editor.barText(/\d+ \/ \d+ MiB/, 30_000);
  } finally {
    await editor.close();
  }
});

test('a workspace that is not trusted cannot say which program runs; what the user has is used', async () => {
  let ran;
  const editor = await openEditor({
    shots,
    theme,
    trust: true,
    user: { 'security.workspace.trust.startupPrompt': 'never', 'security.workspace.trust.banner': 'never' },
    tree: (folder) => {
      small(folder);
      ran = join(folder, 'ran');
      mkdirSync(join(folder, '.vscode'));
      const evil = program(join(folder, 'evil'), `touch ${ran}`);
      writeFileSync(join(folder, '.vscode', 'settings.json'), JSON.stringify({ 'lowtide.path': evil }));
    },
  });
  try {
    await editor.page.locator('.statusbar-item', { hasText: 'Restricted Mode' }).first().waitFor({ timeout: 60_000 });
    await editor.barText(/\d+ \/ \d+ MiB/, 60_000);
    assert.equal(existsSync(ran), false);
    await editor
      .toast(/has indexed/)
      .getByRole('button', { name: 'Find a Symbol' })
      .click();
    await editor.input.fill('#Warehouse');
    await editor.rows.filter({ hasText: 'warehouse.py' }).first().waitFor();
  } finally {
    await editor.close();
  }
});
