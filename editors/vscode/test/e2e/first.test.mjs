/**
 * Somebody who has read nothing: the extension is there, the server is not, and code is found, by clicks and some words.
 * The server comes from the wheel that the extension carries, its dependencies from Python's package index.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openEditor } from './editor.mjs';

const shots = process.env.SHOTS;
const theme = process.env.THEME ?? 'Default Dark Modern';

/** What tells pip, uv and others how to reach the package index here. */
const network = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => /^(PIP_|UV_|SSL_|REQUESTS_|https?_proxy$|no_proxy$)/i.test(name)),
);
/** What is there once a step of the installation is done, in its environment. */
const STEPS = {
  'an environment': 'bin/python',
  'pip, unpacked': 'installer/pip/__main__.py',
  'uv, for the while': 'installer/uv/bin/uv',
  'the packages': 'bin/lowtide',
};

/** Where the time goes: seconds until each step was done; those that nobody was quick enough to see are left out. */
function watchSteps(editor, seconds) {
  const storage = join(editor.root, 'data', 'User', 'globalStorage', 'lowtide.lowtide', 'environment');
  const done = {};
  const timer = setInterval(() => {
    for (const [step, file] of Object.entries(STEPS)) {
      if (!(step in done) && existsSync(join(storage, file))) done[step] = seconds();
    }
  }, 50);
  return () => {
    clearInterval(timer);
    return Object.entries(done).map(([step, at]) => `${step} after ${at} s`);
  };
}

const able = spawnSync('python3', ['-c', 'import ensurepip, venv'], { env: { PATH: '/usr/bin:/bin' } }).status === 0;
// pip names the connection only when it tries once more.
const nowhere = { PIP_INDEX_URL: 'http://127.0.0.1:9/simple', PIP_RETRIES: '1', PIP_CONFIG_FILE: '/dev/null' };

test('from the .vsix to a first answer: three clicks and a question', { timeout: 400_000 }, async (t) => {
  if (!able) {
    t.skip('left out: python3 makes no environments here');
    return;
  }
  const editor = await openEditor({ shots, theme, withLowtide: false, more: network });
  const began = Date.now();
  const seconds = () => ((Date.now() - began) / 1000).toFixed(0);
  const steps = watchSteps(editor, seconds);
  let clicks = 0;
  const click = async (target) => {
    await target.click();
    clicks += 1;
  };
  try {
    const { page } = editor;
    await click(editor.toast('Lowtide needs its server').getByRole('button', { name: 'Install' }));
    console.log(`from an open window to the click: ${seconds()} s`);
    const installing = editor.toast('Installing Lowtide');
    await installing.filter({ hasText: /2 of 2/ }).waitFor({ timeout: 120_000 });
    await page.waitForTimeout(1_500);
    await editor.shot('installing');
    const ready = editor.toast(/has indexed [\d.,]+ files/);
    const failed = editor.toast('could not be installed');
    const bar = editor.barText(/\d+ \/ \d+ MiB/, 300_000);
    await Promise.race([bar, failed.waitFor({ timeout: 300_000 })]);
    assert.equal(await failed.count(), 0, (await failed.allInnerTexts()).join());
    console.log(`from nothing to a running server: ${seconds()} s (${steps().join(', ')})`);
    // Nobody has to wait for the whole index: what is there so far answers.
    const name = editor.rows.filter({ hasText: /HttpResponse|HTTPResponse/ }).first();
    for (let found = false; !found;) {
      await page.keyboard.press('Control+t');
      await editor.input.fill('#HTTPResp', { timeout: 3_000 }).catch(() => undefined);
      found = await name.waitFor({ timeout: 3_000 }).then(
        () => true,
        () => false,
      );
      if (!found) await page.keyboard.press('Escape');
      else console.log(`from nothing to a first answer: ${seconds()} s, ${clicks} click and a key`);
    }
    await page.keyboard.press('Escape');
    await ready.waitFor({ timeout: 300_000 });
    await editor.shot('first');
    await click(ready.getByRole('button', { name: 'Find a Symbol' }));
    await editor.input.waitFor();
    await editor.input.pressSequentially('HTTPResp', { delay: 30 });
    await editor.rows
      .filter({ hasText: /HttpResponse|HTTPResponse/ })
      .first()
      .waitFor();
    await page.keyboard.press('Enter');
    await page.locator('.tab.active', { hasText: /(client|response)\.py/ }).waitFor();
    console.log(`from nothing to a whole index and a found symbol: ${seconds()} s, ${clicks} clicks`);
    assert.ok(clicks <= 3);

    // The walkthrough says the same in pictures, its first steps done.
    await editor.run('Welcome: Open Walkthrough');
    await editor.rows.filter({ hasText: 'Get started with Lowtide' }).first().click();
    await page.locator('.getting-started-step', { hasText: 'Find a symbol' }).first().waitFor();
    const done = page.locator('.getting-started-step:has(.codicon-getting-started-step-checked)');
    await done.filter({ hasText: 'Install Lowtide' }).first().waitFor();
    await done.filter({ hasText: 'Open a folder' }).first().waitFor();
    await page.waitForTimeout(500);
    await editor.shot('walkthrough');
    assert.ok((await page.locator('.getting-started-step').count()) >= 5);
  } finally {
    steps();
    await editor.close();
  }
});

test(
  'an installation that fails says why, in words; one that is cancelled leaves nothing',
  { timeout: 200_000 },
  async (t) => {
    if (!able) {
      t.skip('left out: python3 makes no environments here');
      return;
    }
    const small = (folder) => writeFileSync(join(folder, 'warehouse.py'), 'class Warehouse:\n    pass\n');
    const editor = await openEditor({ shots, theme, withLowtide: false, tree: small, more: nowhere });
    try {
      const installing = editor.toast('Installing Lowtide');
      await editor.toast('Lowtide needs its server').getByRole('button', { name: 'Install' }).click();
      const failed = editor.toast('Lowtide could not be installed. The Python package index could not be reached.');
      await failed.waitFor({ timeout: 120_000 });
      await editor.page.waitForTimeout(300);
      await editor.shot('install-failed');
      assert.equal(await failed.getByRole('button', { name: 'Show Log' }).count(), 1);
      await failed.getByRole('button', { name: 'Try Again' }).click();
      await installing.waitFor();
      await installing.hover();
      await installing.getByRole('button', { name: 'Cancel' }).click();
      await installing.waitFor({ state: 'detached', timeout: 20_000 });
      const left = () =>
        spawnSync('find', [join(editor.root, 'data'), '-name', 'environment'], { encoding: 'utf8' }).stdout;
      // The notification goes at the click; what was made goes once the installer has ended, and stays away.
      for (let turn = 0; left() && turn < 100; turn += 1) await editor.page.waitForTimeout(100);
      await editor.barText(/not found/);
      await editor.page.waitForTimeout(2_000);
      assert.equal(left(), '');
    } finally {
      await editor.close();
    }
  },
);
