/** A day of work in a real VS Code: edits, branch switches, restarts; and not one notification. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openEditor } from './editor.mjs';

const FILES = 400;
const EDITS = 40;
const SWITCHES = 6;
const text = (branch, file) =>
  `class Part${file}:\n    """Part ${file} of ${branch}."""\n\n    def of_${branch}(self):\n        return ${file}\n`;

function repository(folder) {
  const git = (...words) => {
    const given = ['-c', 'user.name=A', '-c', 'user.email=a@example.org', '-c', 'init.defaultBranch=main', ...words];
    const done = spawnSync('git', given, { cwd: folder, encoding: 'utf8' });
    assert.equal(done.status, 0, done.stderr);
  };
  const write = (branch) => {
    for (let file = 0; file < FILES; file += 1) {
      writeFileSync(join(folder, 'parts', `part${file}.py`), text(branch, file));
    }
  };
  mkdirSync(join(folder, 'parts'));
  git('init', '-q');
  write('main');
  git('add', '-A');
  git('commit', '-qm', 'main');
  git('checkout', '-qb', 'feature');
  write('feature');
  git('commit', '-qam', 'feature');
  git('checkout', '-q', 'main');
  return git;
}

test(
  '40 edits, 6 branch switches, 2 restarts: no notification, and the answers are current',
  { timeout: 400_000 },
  async () => {
    let git;
    const editor = await openEditor({
      shots: process.env.SHOTS,
      theme: process.env.THEME ?? 'Default Dark Modern',
      // VS Code's own word on a repository in a folder that it has not seen before is not ours.
      user: { 'git.enabled': false },
      tree: (folder) => {
        git = repository(folder);
      },
    });
    const status = () => JSON.parse(editor.lowtide('status', '--json'));
    const settled = async () => {
      await editor.barText(/^Lowtide \d+ \/ \d+ MiB$/, 120_000);
      while (!status().quiescent) await editor.page.waitForTimeout(200);
    };
    try {
      // The first folder is greeted once; the day begins after it.
      await editor.toast(/has indexed/).waitFor({ timeout: 120_000 });
      await settled();
      await editor.run('Notifications: Clear All Notifications');
      // Whatever is shown from now on, and be it for a moment.
      await editor.page.evaluate(() => {
        window.seen = [];
        new MutationObserver(() => {
          for (const item of document.querySelectorAll('.notifications-toasts .notification-list-item')) {
            window.seen.push(item.textContent);
          }
        }).observe(document.body, { childList: true, subtree: true });
      });
      for (let edit = 0; edit < EDITS; edit += 1) {
        writeFileSync(join(editor.folder, 'parts', `part${edit}.py`), `${text('main', edit)}# edit ${edit}\n`);
        await editor.page.waitForTimeout(50);
      }
      git('checkout', '-q', '.');
      for (let turn = 0; turn < SWITCHES; turn += 1) {
        const branch = turn % 2 === 0 ? 'feature' : 'main';
        git('checkout', '-q', branch);
        await settled();
        const found = () => editor.lowtide('symbols', `of_${branch}`, '--json');
        while (!found().includes(`of_${branch}`)) await editor.page.waitForTimeout(200);
      }
      for (let turn = 0; turn < 2; turn += 1) {
        await editor.run('Lowtide: Restart');
        await settled();
      }
      assert.deepEqual(await editor.page.evaluate(() => window.seen), []);
      await editor.shot('quiet');
    } finally {
      await editor.close();
    }
  },
);
