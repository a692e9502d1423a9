/**
 * What a person does with Lowtide in a real VS Code, from an indexed folder to a killed server.
 * The tests share one editor and build on each other, as one sitting does. SHOTS names a folder for the pictures.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { openEditor } from './editor.mjs';

const shots = process.env.SHOTS;
const theme = process.env.THEME ?? 'Default Dark Modern';
const DAEMON_MIB = /^\D*(\d+) \/ (\d+) MiB/;
/** VS Code's own complaints (native parts that code-server lacks here, pages of the internet) name none of these. */
const OURS = /lowtide\.lowtide|extension\.js|graph\.(js|css)|Content Security/;
let editor;

before(async () => {
  editor = await openEditor({ shots, theme, settings: { 'lowtide.budget': '256MiB' } });
});
after(() => editor?.close());

const status = () => JSON.parse(editor.lowtide('status', '--json'));
const progress = () =>
  editor.page.locator('.notifications-toasts .notification-list-item', { hasText: 'Lowtide: indexing' });
const idle = () =>
  editor.barText(/^Lowtide \d+ \/ \d+ MiB$/, 60_000).then(() => waitFor(() => status().quiescent, 240_000));

const files = () => status().workspaces[0].files;
let all = 0;
/** Open the search and wait until it is there: keys that come before would go to the editor. */
async function openSearch() {
  await editor.run('Lowtide: Search by Meaning');
  await editor.pick.locator('.quick-input-title', { hasText: 'Search by Meaning' }).waitFor();
}

const waitFor = (...given) => editor.waitFor(...given);

/**
 * Let the daemon's workers run a twentieth of the time until `release` is called: a fast machine would have indexed the
 * folder before a button is found and pressed.
 */
function slowWorkers(context) {
  const daemon = status().memory.processes.find((one) => one.role === 'daemon').pid;
  const children = () =>
    readdirSync(`/proc/${daemon}/task`).flatMap((task) => {
      try {
        return readFileSync(`/proc/${daemon}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
      } catch {
        return [];
      }
    });
  const signal = (name) => {
    for (const pid of children()) {
      try {
        process.kill(pid, name);
      } catch {
        // It has ended.
      }
    }
  };
  let on = true;
  const ended = (async () => {
    while (on) {
      signal('SIGSTOP');
      await new Promise((resolve) => setTimeout(resolve, 190));
      signal('SIGCONT');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  })();
  const release = () => {
    on = false;
    return ended;
  };
  context.after(release);
  return release;
}

test('indexing shows a progress notification, and Cancel in it ends the work', async (t) => {
  await editor.barText(/MiB/, 60_000);
  await idle();
  await editor.run('Notifications: Clear All Notifications');
  all = files();
  assert.ok(all > 100);
  await editor.run('Lowtide: Rebuild Index');
  const release = slowWorkers(t);
  await editor.page.getByRole('button', { name: 'Rebuild' }).click();
  await progress().first().waitFor({ timeout: 30_000 });
  await editor.page.waitForTimeout(300);
  await editor.shot('progress');
  await progress().first().hover();
  await progress().first().getByRole('button', { name: 'Cancel' }).click();
  await progress().first().waitFor({ state: 'detached', timeout: 5_000 });
  await waitFor(() => !['indexing', 'scanning'].includes(status().state), 5_000);
  await release();
  assert.ok(files() < all, `it ended before all was done: ${files()} of ${all}`);
  await editor.bar.hover();
  await editor.page.locator('.monaco-hover', { hasText: 'Some files are not indexed yet.' }).waitFor();
  await editor.page.waitForTimeout(300);
  await editor.shot('cancelled');
  await editor.page.mouse.move(400, 300);
});

test('the bar says that a part is indexed; a rescan takes up the rest, and a search meanwhile says how far it is', async (t) => {
  await editor.barText(/^Lowtide \d+ % · \d+ \/ 256 MiB$/);
  const release = slowWorkers(t);
  await editor.run('Lowtide: Rescan Workspace');
  await openSearch();
  await editor.input.fill('encode a multipart email message');
  const title = editor.pick.locator('.quick-input-title');
  const soFar = title.filter({ hasText: /— \d+ % indexed: results so far · \d+ results? in/ });
  await soFar.waitFor({ timeout: 20_000 });
  await editor.shot('so-far');
  await release();
  // As more is there the answer is asked for again, until it is whole: nothing is typed meanwhile.
  await title.filter({ hasText: /— \d+ results in \d+ ms$/ }).waitFor({ timeout: 240_000 });
  assert.ok((await editor.rows.count()) > 2);
  await editor.page.keyboard.press('Escape');
  await waitFor(() => files() === all, 240_000);
  await idle();
});

test('the status bar has the daemon’s figure', async () => {
  const pids = status().memory.processes.map((one) => one.pid);
  assert.ok(pids.length > 0);
  await waitFor(async () => {
    const [, used, budget] = DAEMON_MIB.exec(await editor.barText(/MiB/));
    const said = status().memory;
    assert.equal(Number(budget), 256);
    return Math.abs(Number(used) - said.usedBytes / 2 ** 20) <= 2;
  });
  await editor.bar.hover();
  const tooltip = editor.page.locator('.monaco-hover', { hasText: 'daemon' });
  await tooltip.waitFor();
  await editor.page.waitForTimeout(300);
  await editor.shot('tooltip');
  assert.match(await tooltip.innerText(), /shop/);
  await editor.page.mouse.move(400, 300);
});

test('a symbol is picked by a part of its name, and opened', async () => {
  await editor.page.keyboard.press('F1');
  await editor.input.fill('#HTTPConn');
  await editor.rows.filter({ hasText: 'HTTPConnection' }).first().waitFor();
  await editor.page.waitForTimeout(500);
  await editor.shot('symbols');
  await editor.page.keyboard.press('Enter');
  await editor.page.locator('.tab.active', { hasText: 'client.py' }).waitFor();
});

test('a method is found by its class, a name by its module: Class.method, module::name', async () => {
  for (const [query, row] of [
    ['#HTTPConnection.getresp', 'HTTPConnection.getresponse'],
    ['#HTTPConnection::getresp', 'HTTPConnection::getresponse'],
    ['#client.HTTPResp', 'client.HTTPResponse'],
  ]) {
    await editor.page.keyboard.press('F1');
    await editor.input.fill(query);
    await editor.rows.filter({ hasText: row }).first().waitFor();
    await editor.page.waitForTimeout(400);
    await editor.shot(`symbols-${row.replace(/\W+/g, '-')}`);
    await editor.page.keyboard.press('Escape');
  }
});

test('a symbol that another extension gives is not there twice, unless one wants it', async () => {
  const found = async () => {
    await editor.page.keyboard.press('F1');
    await editor.input.fill('#replenish');
    await editor.rows.filter({ hasText: 'of the other' }).first().waitFor();
    await editor.page.waitForTimeout(700);
    const rows = await editor.rows.filter({ hasText: 'replenish' }).count();
    await editor.page.keyboard.press('Escape');
    return rows;
  };
  await waitFor(async () => (await found()) === 1);
  editor.write({ 'lowtide.budget': '256MiB', 'lowtide.workspaceSymbols': 'always' });
  await waitFor(async () => (await found()) === 2);
  editor.write({ 'lowtide.budget': '256MiB' });
  await waitFor(async () => (await found()) === 1);
});

test('search answers as one types, previews while one moves, and leaves no trace when one gives up', async () => {
  await openSearch();
  await editor.input.pressSequentially('encode a multipart email message', { delay: 15 });
  await editor.rows.nth(2).waitFor();
  // The answer to all of it, not to its beginning.
  await editor.page.mouse.move(900, 650);
  await editor.page.waitForTimeout(1_500);
  await editor.page.keyboard.press('ArrowDown');
  await editor.pick.locator('.monaco-list-row.focused[data-index="1"]').waitFor();
  const label = await editor.rows.nth(1).locator('.label-description').first().innerText();
  const file = label.split('/').at(-1).split(':')[0];
  await editor.page.locator('.tab.active', { hasText: file }).waitFor();
  await editor.page.waitForTimeout(600);
  await editor.shot('search');
  await editor.page.keyboard.press('Escape');
  await editor.page.locator('.tab.active', { hasText: 'client.py' }).waitFor();
});

test('scopes narrow the search; a hit opens to the side; the search is remembered', async () => {
  await openSearch();
  await editor.input.fill('decode text @python path:json');
  await editor.rows.filter({ hasText: 'json/' }).first().waitFor();
  await editor.page.waitForTimeout(500);
  for (const text of await editor.rows.allInnerTexts()) assert.match(text, /json\//);
  // Ctrl+Enter does the same, but the oldest VS Code that is supported takes it for Enter.
  await editor.page.keyboard.press('ArrowDown');
  const row = editor.pick.locator('.monaco-list-row.focused');
  await row.hover();
  await row.locator('.action-label').first().click();
  await waitFor(async () => (await editor.page.locator('.editor-group-container').count()) === 2);
  await openSearch();
  await editor.rows.filter({ hasText: 'decode text @python path:json' }).first().waitFor();
  await editor.page.keyboard.press('Escape');
});

test('similar code of a selection stays in a view', async () => {
  await editor.page.keyboard.press('Control+k');
  await editor.page.keyboard.press('Control+w');
  await editor.run('View: Single Column Editor Layout').catch(() => editor.page.keyboard.press('Escape'));
  await editor.page.keyboard.press('F1');
  await editor.input.fill('#HTTPConnection');
  await editor.rows.filter({ hasText: 'HTTPConnection' }).first().waitFor();
  await editor.page.keyboard.press('Enter');
  await editor.page.locator('.tab.active', { hasText: 'client.py' }).waitFor();
  await editor.run('Lowtide: Find Similar Code');
  const view = editor.page.locator('.pane', { hasText: 'Results' }).first();
  await view.locator('.monaco-list-row').nth(1).waitFor();
  await editor.page.waitForTimeout(500);
  await editor.shot('similar');
  assert.match(await view.innerText(), /similar to client\.py/i);
  // Of what is selected, not of the definition around it.
  await editor.page.locator('.editor-group-container.active .view-lines').first().click();
  for (let line = 0; line < 4; line += 1) await editor.page.keyboard.press('Shift+ArrowDown');
  const before = await view.innerText();
  await editor.run('Lowtide: Find Similar Code');
  await waitFor(async () => (await view.innerText()) !== before);
  await view.locator('.monaco-list-row').nth(1).waitFor();
});

test('the memory view has every process, and the graph draws', async () => {
  const memory = editor.page
    .locator('.pane', { has: editor.page.locator('.pane-header', { hasText: 'Memory' }) })
    .first();
  await memory.locator('.monaco-list-row', { hasText: 'daemon' }).waitFor();
  await editor.run('Lowtide: Show Memory');
  const frame = editor.page.frameLocator('iframe.webview').last().frameLocator('#active-frame');
  await frame.locator('svg#graph path.used').waitFor();
  await frame.locator('#graph').focus();
  await editor.page.keyboard.press('ArrowLeft');
  await waitFor(async () => /MiB \/ 256 MiB/.test(await frame.locator('#read').innerText()));
  await editor.page.waitForTimeout(300);
  await editor.shot('memory');
});

test('pause stops work at once and says so; resume goes on', async () => {
  await editor.run('Lowtide: Pause Indexing');
  await editor.barText(/paused/);
  assert.equal(status().state, 'paused');
  await editor.bar.click();
  await editor.rows.filter({ hasText: 'Resume Indexing' }).waitFor();
  await editor.page.waitForTimeout(400);
  await editor.shot('menu');
  await editor.page.keyboard.press('Escape');
  await editor.run('Lowtide: Resume Indexing');
  await editor.barText(/MiB$/);
  assert.notEqual(status().state, 'paused');
});

test('a budget lowered in the settings is the budget in the bar', async () => {
  editor.write({ 'lowtide.budget': '128MiB' });
  await editor.barText(/\/ 128 MiB/, 20_000);
  assert.equal(status().memory.budgetBytes, 128 * 2 ** 20);
});

test('a server that is killed comes back by itself, without a message', async () => {
  const daemon = status().memory.processes.find((one) => one.role === 'daemon');
  process.kill(daemon.pid, 'SIGKILL');
  await waitFor(() => {
    const now = status().memory?.processes?.find((one) => one.role === 'daemon');
    return now && now.pid !== daemon.pid && now;
  }, 30_000);
  await editor.barText(/\/ 128 MiB/, 30_000);
  await waitFor(() => (status().workspaces[0]?.files ?? 0) > 0);
  assert.equal(
    await editor.page
      .locator('.notifications-toasts .notification-list-item', { hasText: /Lowtide.*stopping/ })
      .count(),
    0,
  );
});

test('VS Code counts the activation, too', async () => {
  // By the clock of a busy machine; test/inhost holds it to 50 ms.
  const ms = await editor.activationMs();
  console.log(`activation, by VS Code’s clock: ${ms} ms`);
  assert.ok(ms > 0);
});

test('no error of ours stands in the console of the window, nor in VS Code’s logs where it writes any', (t) => {
  assert.deepEqual(
    editor.errors.filter((text) => OURS.test(text)),
    [],
  );
  const lines = editor.logs();
  // They are written by a native module, which code-server is set up without.
  if (lines.length === 0) t.diagnostic('this VS Code writes no logs');
  const logged = lines.filter(([file, line]) => / \[error\] /.test(line) && /lowtide/i.test(file + line));
  assert.deepEqual(logged, []);
});
