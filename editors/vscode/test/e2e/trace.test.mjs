/** Previews of the search leave no trace in a real VS Code: groups, tabs, selection, history, the Explorer. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openEditor } from './editor.mjs';

const shots = process.env.SHOTS;
let editor;

/** Files deep enough that the Explorer would unfold for them, long enough that a place is not on their first page. */
function tree(folder) {
  for (const name of ['boxes', 'crates', 'pallets', 'sacks']) {
    const deep = join(folder, 'store', name, 'inner');
    mkdirSync(deep, { recursive: true });
    const filler = '\n'.repeat(120);
    writeFileSync(
      join(deep, `${name}.py`),
      `${filler}\ndef count_${name}_in_stock(shelf):\n    """Count the ${name} that are in stock on a shelf."""\n    return len(shelf)\n`,
    );
  }
  writeFileSync(join(folder, 'one.py'), 'first = 1\nsecond = 2\nthird = 3\n');
  writeFileSync(join(folder, 'two.py'), 'alpha = 1\nbeta = 2\ngamma = 3\n');
}

before(async () => {
  const user = { 'workbench.editor.enablePreviewFromQuickOpen': true };
  editor = await openEditor({ shots, theme: process.env.THEME ?? 'Default Dark Modern', tree, user });
  await editor.toast(/has indexed/).waitFor({ timeout: 120_000 });
  await editor.run('Notifications: Clear All Notifications');
  // One file for good and one in preview in the first group, the Welcome page in the second.
  await open('one.py');
  await editor.run('View: Keep Editor');
  await open('two.py');
  await goTo(2, 4);
  await editor.page.keyboard.press('Control+\\');
  await editor.page.locator('.editor-group-container').nth(1).waitFor();
  await editor.run('Help: Welcome');
  await editor.page.locator('.gettingStartedContainer').first().waitFor();
  await editor.page.keyboard.press('Control+1');
});
after(() => editor?.close());

async function open(name) {
  await editor.page.keyboard.press('F1');
  await editor.input.fill(name);
  await editor.rows.filter({ hasText: name }).first().waitFor();
  await editor.page.keyboard.press('Enter');
  await editor.page.locator('.tab.active', { hasText: name }).first().waitFor();
}

async function goTo(line, column) {
  await editor.page.keyboard.press('F1');
  await editor.input.fill(`:${line}:${column}`);
  await editor.rows
    .filter({ hasText: /line \d+/ })
    .first()
    .waitFor();
  await editor.page.keyboard.press('Enter');
  await position(`Ln ${line}, Col ${column}`);
}

const position = (text) => editor.page.locator('.statusbar-item', { hasText: text }).first().waitFor();

/** What is open, how, and what the Explorer shows. */
const state = () =>
  editor.page.evaluate(() => ({
    groups: [...document.querySelectorAll('.editor-group-container')].map((group) => ({
      active: group.classList.contains('active'),
      tabs: [...group.querySelectorAll('.tab')].map((tab) => [
        tab.getAttribute('data-resource-name'),
        tab.classList.contains('active'),
        tab.querySelector('.italic') !== null,
      ]),
    })),
    explorer: [...document.querySelectorAll('.explorer-folders-view .monaco-list-row')].map((row) => row.textContent),
  }));

async function search() {
  // By its key: the palette gives the focus back to a text.
  await editor.page.keyboard.press('Control+Alt+s');
  await editor.pick.locator('.quick-input-title', { hasText: 'Search by Meaning' }).waitFor();
  await editor.input.fill('count what is in stock on a shelf');
  await editor.rows.nth(3).waitFor();
  await editor.pick.locator('.quick-input-title', { hasText: /results in/ }).waitFor();
}

const label = async (row) => (await editor.rows.nth(row).locator('.label-description').first().innerText()).trim();
const previewed = (name) => editor.page.locator('.tab.active', { hasText: name }).first();

/** Look at the first hits; returns the file of the last. */
async function lookAround() {
  let name = '';
  for (let row = 0; row < 4; row += 1) {
    if (row > 0) await editor.page.keyboard.press('ArrowDown');
    await editor.pick.locator(`.monaco-list-row.focused[data-index="${row}"]`).waitFor();
    name = (await label(row)).split('/').at(-1).split(':')[0];
    await previewed(name).waitFor();
  }
  return name;
}

async function same(expected) {
  const until = Date.now() + 10_000;
  let now = await state();
  while (JSON.stringify(now) !== JSON.stringify(expected) && Date.now() < until) {
    await editor.page.waitForTimeout(100);
    now = await state();
  }
  assert.deepEqual(now, expected);
}

/** Where Go Back leads; and forward again. */
async function backAndForth() {
  const active = () =>
    editor.page.locator('.editor-group-container.active .tab.active').getAttribute('data-resource-name');
  const from = await active();
  await editor.run('Go Back');
  await editor.page.waitForTimeout(500);
  const there = await active();
  await editor.run('Go Forward');
  await previewed(from).waitFor();
  return there;
}
let back;

test('Esc after hits in several files: groups, tabs, selection and the Explorer are as they were', async () => {
  back = await backAndForth();
  await position('Ln 2, Col 4');
  const expected = await state();
  assert.equal(expected.groups.length, 2);
  assert.ok(
    expected.groups[0].tabs.some(([, active, italic]) => active && italic),
    'a tab in preview',
  );
  await search();
  await lookAround();
  await editor.page.waitForTimeout(400);
  await editor.shot('preview');
  // It opens at its line: that stands in the view at once, in the middle.
  await editor.page
    .locator('.editor-group-container.active .view-line', { hasText: /count_\w+_in_stock/ })
    .first()
    .waitFor();
  await editor.page.waitForTimeout(400);
  await editor.shot('preview');
  assert.deepEqual((await state()).explorer, expected.explorer, 'the Explorer does not unfold');
  await editor.page.keyboard.press('Escape');
  await same(expected);
  await position('Ln 2, Col 4');
});

test('Go Back leads where it led before, and nothing that was only looked at is among the files opened lately', async () => {
  assert.equal(await backAndForth(), back);
  await editor.page.keyboard.press('F1');
  await editor.input.fill('');
  await editor.rows.first().waitFor();
  const recent = await editor.rows.allInnerTexts();
  assert.ok(!recent.some((text) => /boxes|crates|pallets|sacks/.test(text)), recent.join('\n'));
  await editor.page.keyboard.press('Escape');
});

test('Esc with the Welcome page in front brings it back', async () => {
  await editor.page.locator('.tab', { hasText: 'Welcome' }).click();
  await editor.page.locator('.editor-group-container.active .gettingStartedContainer').first().waitFor();
  const expected = await state();
  await search();
  await lookAround();
  await editor.page.keyboard.press('Escape');
  await same(expected);
  await editor.page.locator('.editor-group-container.active .gettingStartedContainer').first().waitFor();
  await editor.page.keyboard.press('Control+1');
});

test('Enter opens the file itself; only that is new', async () => {
  const before = await state();
  await search();
  const name = await lookAround();
  await editor.page.keyboard.press('Enter');

  await editor.shot('opened');
  await position(/Ln 12\d/);
  const until = Date.now() + 10_000;
  while ((await state()).groups[0].tabs.length !== before.groups[0].tabs.length + 1 && Date.now() < until) {
    await editor.page.waitForTimeout(100);
  }
  const now = await state();
  assert.equal(now.groups[0].tabs.length, before.groups[0].tabs.length + 1);
  assert.match(now.groups[0].tabs.find(([, active]) => active)[0], new RegExp(name));
  // It is the file: what is typed is in it, once it has the keys.
  await editor.pick.waitFor({ state: 'hidden' });
  await editor.page.locator('.editor-group-container.active .monaco-editor.focused').waitFor();
  await editor.page.keyboard.type('#');
  await editor.page.keyboard.press('Control+s');
  const file = join(editor.folder, 'store', name.replace('.py', ''), 'inner', name);
  const saved = Date.now() + 10_000;
  while (!readFileSync(file, 'utf8').includes('#def count_') && Date.now() < saved)
    await editor.page.waitForTimeout(100);
  assert.match(readFileSync(file, 'utf8'), /#def count_/);
});
