/** What a person sees when something is wrong: no program, one that dies, a workspace that is not to be trusted. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openEditor } from './editor.mjs';

const shots = process.env.SHOTS;
const theme = process.env.THEME ?? 'Default Dark Modern';
const small = (folder) => writeFileSync(join(folder, 'warehouse.py'), 'class Warehouse:\n    pass\n');

function program(file, text) {
  writeFileSync(file, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  return file;
}

test('without the program a message says so and offers what to do; one that dies is left alone after some tries', async () => {
  const editor = await openEditor({ shots, theme, withLowtide: false, tree: small });
  try {
    const toast = editor.toast('Lowtide needs the lowtide command');
    await toast.waitFor({ timeout: 60_000 });
    await editor.barText(/not found/);
    await editor.page.waitForTimeout(300);
    await editor.shot('missing');
    for (const name of ['Install…', 'Choose Path…', 'Try Again']) {
      assert.equal(await toast.getByRole('button', { name }).count(), 1, name);
    }
    await toast.getByRole('button', { name: 'Install…' }).click();
    await editor.rows.filter({ hasText: 'pip install lowtide' }).first().waitFor();
    await editor.page.waitForTimeout(300);
    await editor.shot('install');
    await editor.page.keyboard.press('Escape');
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
    const stopped = editor.toast(/stopped several times/);
    await stopped.waitFor();
    assert.equal(await stopped.count(), 1);
    assert.match(await stopped.innerText(), /free some space/);
    assert.equal(await editor.page.locator('.notifications-toasts .notification-list-item').count(), 1);
    await editor.page.waitForTimeout(300);
    await editor.shot('stopped');

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
