/**
 * Somebody who has read nothing: the extension is there, the program is not, and a symbol is found, by clicks and one name.
 * The program comes from a wheel of this repository, its dependencies from Python's package index.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { openEditor } from './editor.mjs';

const shots = process.env.SHOTS;
const theme = process.env.THEME ?? 'Default Dark Modern';
const repository = new URL('../../../..', import.meta.url).pathname;

/** What tells pip and others how to reach the package index here. */
const network = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => /^(PIP_|SSL_|REQUESTS_|https?_proxy$|no_proxy$)/i.test(name)),
);

test('from install to a first found symbol', { timeout: 400_000 }, async (t) => {
  const wheels = mkdtempSync(join(tmpdir(), 'lowtide-wheels-'));
  t.after(() => rmSync(wheels, { recursive: true, force: true }));
  const python = join(dirname(process.env.LOWTIDE), 'python');
  const build = spawnSync(python, ['-m', 'pip', 'wheel', '-q', '--no-deps', '-w', wheels, repository]);
  const able = spawnSync('python3', ['-c', 'import ensurepip, venv'], { env: { PATH: '/usr/bin:/bin' } });
  if (build.status !== 0 || able.status !== 0) {
    t.skip('left out: no wheel of lowtide could be made here, or python3 makes no environments');
    return;
  }
  const editor = await openEditor({
    shots,
    theme,
    withLowtide: false,
    more: { ...network, PIP_FIND_LINKS: wheels, PIP_CONFIG_FILE: process.env.PIP_CONFIG_FILE ?? '' },
  });
  const began = Date.now();
  try {
    const { page } = editor;
    await editor.toast('Lowtide needs the lowtide command').getByRole('button', { name: 'Install…' }).click();
    await editor.rows.filter({ hasText: 'pip install lowtide' }).first().click();
    await editor.toast('Installing lowtide').waitFor();
    await page.waitForTimeout(3_000);
    await editor.shot('installing');
    const ready = editor.toast(/has indexed [\d.,]+ files/);
    const failed = editor.toast('lowtide was not installed');
    await ready.or(failed).waitFor({ timeout: 300_000 });
    assert.equal(await failed.count(), 0, (await failed.allInnerTexts()).join());
    await page.waitForTimeout(300);
    await editor.shot('first');
    await ready.getByRole('button', { name: 'Find a Symbol' }).click();
    await editor.input.waitFor();
    await editor.input.pressSequentially('HTTPConn', { delay: 30 });
    await editor.rows.filter({ hasText: 'HTTPConnection' }).first().waitFor();
    await page.keyboard.press('Enter');
    await page.locator('.tab.active', { hasText: 'client.py' }).waitFor();
    console.log(`from nothing to a found symbol: ${((Date.now() - began) / 1000).toFixed(0)} s, 4 clicks`);

    // The walkthrough says the same in pictures, its first steps done.
    await editor.run('Welcome: Open Walkthrough');
    await editor.rows.filter({ hasText: 'Get started with Lowtide' }).first().click();
    await page.locator('.getting-started-step', { hasText: 'Find a symbol' }).first().waitFor();
    const done = page.locator('.getting-started-step:has(.codicon-getting-started-step-checked)');
    await done.filter({ hasText: 'Get the program' }).first().waitFor();
    await done.filter({ hasText: 'Open a folder' }).first().waitFor();
    await page.waitForTimeout(500);
    await editor.shot('walkthrough');
    assert.ok((await page.locator('.getting-started-step').count()) >= 5);
  } finally {
    await editor.close();
  }
});
