/**
 * A real VS Code (code-server) with the packaged extension in it, and a browser that looks at it.
 *
 * VSCODE names the folder of code-server's installation, NODE the program that runs it, LOWTIDE the command under test.
 * Everything lives under one scratch folder; `close` ends all that was started.
 */
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { launchBrowser } from './browser.mjs';
import { lua, packRival } from './rival.mjs';

const here = new URL('../..', import.meta.url).pathname;
export const vsix = join(here, 'out', 'lowtide.vsix');

/** The same part of a tree, whatever the machine has: the Python library of the interpreter, or LOWTIDE_TREE. */
export function copyTree(to) {
  const from = process.env.LOWTIDE_TREE;
  if (from) {
    cpSync(from, to, { recursive: true });
    return;
  }
  const python = 'import os, sysconfig; print(sysconfig.get_path("stdlib"))';
  const library = spawnSync('python3', ['-c', python], { encoding: 'utf8' }).stdout.trim();
  const source = (file) => !/__pycache__|site-packages|dist-packages|lib-dynload|config-3/.test(file);
  cpSync(library, to, { recursive: true, filter: source });
}

export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export async function openEditor({
  settings = {},
  withLowtide = true,
  trust = false,
  more = {},
  user = {},
  tree,
  theme = 'Default Dark Modern',
  size,
  shots,
} = {}) {
  const root = mkdtempSync(join(tmpdir(), 'lowtide-e2e-'));
  const home = join(root, 'home');
  const folder = join(root, 'shop');
  const data = join(root, 'data');
  mkdirSync(join(home, 'bin'), { recursive: true });
  mkdirSync(join(data, 'User'), { recursive: true });
  mkdirSync(folder);
  (tree ?? copyTree)(folder);
  writeFileSync(join(folder, lua.file), lua.text);
  mkdirSync(join(data, 'Machine'));
  const base = {
    'workbench.colorTheme': theme,
    'workbench.startupEditor': 'none',
    'workbench.tips.enabled': false,
    'telemetry.telemetryLevel': 'off',
    'extensions.ignoreRecommendations': true,
    'window.commandCenter': false,
    'chat.commandCenter.enabled': false,
    'workbench.secondarySideBar.defaultVisibility': 'hidden',
    'chat.disableAIFeatures': true,
    'git.openRepositoryInParentFolders': 'never',
    'editor.minimap.enabled': false,
    ...user,
  };
  writeFileSync(join(data, 'User', 'settings.json'), JSON.stringify(base, null, 2));
  // As of every remote machine: what is of the machine stands in its own settings.
  const write = (more) => writeFileSync(join(data, 'Machine', 'settings.json'), JSON.stringify(more, null, 2));
  write(settings);
  const command = process.env.LOWTIDE;
  const env = {
    HOME: home,
    LANG: 'C.UTF-8',
    SHELL: '/bin/bash',
    LOWTIDE_HOME: join(root, 'lowtide'),
    PATH: [...(withLowtide && command ? [dirname(command)] : []), '/usr/bin', '/bin'].join(':'),
    XDG_RUNTIME_DIR: root,
    ...more,
  };
  // The extension host takes PATH from a login shell, which begins anew.
  writeFileSync(join(home, '.bash_profile'), `export PATH=${env.PATH}\n`);
  const entry = join(process.env.VSCODE, 'out', 'node', 'entry.js');
  const node = process.env.NODE ?? process.execPath;
  const places = ['--user-data-dir', data, '--extensions-dir', join(root, 'extensions')];
  for (const file of [vsix, packRival(root)]) {
    const installed = spawnSync(node, [entry, ...places, '--install-extension', file], { env, encoding: 'utf8' });
    if (!/successfully installed/.test(installed.stdout)) {
      throw new Error(`${file} was not installed: ${installed.stdout}${installed.stderr}`);
    }
  }
  const port = await freePort();
  const server = spawn(
    node,
    [
      entry,
      ...places,
      '--auth',
      'none',
      ...(trust ? [] : ['--disable-workspace-trust']),
      '--disable-telemetry',
      '--disable-update-check',
      '--bind-addr',
      `127.0.0.1:${port}`,
    ],
    { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let output = '';
  await new Promise((resolve, reject) => {
    const take = (data) => {
      output += data;
      if (output.includes('HTTP server listening')) resolve();
    };
    server.stdout.on('data', take);
    server.stderr.on('data', take);
    server.once('exit', (code) => reject(new Error(`code-server ended with ${code}: ${output}`)));
  });
  const browser = await launchBrowser();
  const page = await browser.newPage({ viewport: size ?? { width: 1280, height: 800 }, deviceScaleFactor: 1 });
  const errors = [];
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(`${message.text()} ${message.location().url}`);
  });
  await page.goto(`http://127.0.0.1:${port}/?folder=${folder}`);
  await page.locator('.monaco-workbench .part.statusbar').waitFor({ timeout: 90_000 });
  const editor = {
    page,
    folder,
    root,
    errors,
    env,
    write,
    bar: page.locator('#lowtide\\.lowtide\\.lowtide\\.status, [id$="lowtide.status"]').first(),
    pick: page.locator('.quick-input-widget'),
    input: page.locator('.quick-input-widget input').first(),
    rows: page.locator('.quick-input-widget .monaco-list-row'),
    /** Run a command by its title in the palette; one that is just closing swallows a key, so it is tried again. */
    async run(title) {
      for (let attempt = 1; ; attempt += 1) {
        await page.keyboard.press('F1');
        try {
          await editor.input.fill(`>${title}`, { timeout: 4_000 });
          const row = page.locator('.quick-input-widget .monaco-list-row.focused', { hasText: title }).first();
          await row.waitFor({ timeout: 10_000 });
          break;
        } catch (error) {
          if (attempt === 4) throw error;
        }
      }
      await page.keyboard.press('Enter');
    },
    /** A notification that says this. */
    toast: (text) => page.locator('.notifications-toasts .notification-list-item', { hasText: text }),
    /** Milliseconds of the clock that VS Code itself counted for the extension's activation, other work included. */
    async activationMs() {
      await editor.run('Developer: Show Running Extensions');
      const list = page.locator('.runtime-extensions-editor');
      await list.locator('.monaco-list-row').first().hover();
      const row = list.locator('.monaco-list-row', { hasText: 'Lowtide' }).first();
      for (let turn = 0; turn < 20 && (await row.count()) === 0; turn += 1) {
        await page.mouse.wheel(0, 300);
        await page.waitForTimeout(150);
      }
      const text = await row.innerText();
      await page.keyboard.press('Escape');
      return Number(/(\d+)\s*ms/.exec(text)?.[1]);
    },
    async shot(name) {
      if (shots) {
        mkdirSync(shots, { recursive: true });
        // What slides in or fades has done so.
        await page.waitForTimeout(400);
        await page.screenshot({ path: join(shots, `${name}.png`) });
      }
    },
    /** What `check` gives, once that is something. */
    async waitFor(check, timeout = 30_000) {
      const until = Date.now() + timeout;
      for (;;) {
        const value = await check();
        if (value) return value;
        if (Date.now() >= until) throw new Error(`not within ${timeout} ms: ${check}`);
        await page.waitForTimeout(100);
      }
    },
    /** The status bar's text, once it satisfies `test`. */
    async barText(test, timeout = 30_000) {
      const until = Date.now() + timeout;
      let text = '';
      while (Date.now() < until) {
        text = ((await editor.bar.textContent().catch(() => '')) ?? '').replace(/\s+/g, ' ').trim();
        if (test.test(text)) return text;
        await page.waitForTimeout(100);
      }
      throw new Error(`the status bar says ${JSON.stringify(text)}, not ${test}`);
    },
    lowtide(...words) {
      const done = spawnSync(command, words, {
        env: { ...env, PATH: `${dirname(command)}:${env.PATH}` },
        encoding: 'utf8',
        cwd: folder,
      });
      return done.stdout;
    },
    /** The lines of VS Code's logs, the extension's own among them: [file, line]. */
    logs() {
      const found = spawnSync('find', [join(data, 'logs'), '-name', '*.log'], { encoding: 'utf8' })
        .stdout.split('\n')
        .filter(Boolean);
      return found.flatMap((file) =>
        readFileSync(file, 'utf8')
          .split('\n')
          .map((line) => [file, line]),
      );
    },
    async close() {
      await browser.close();
      try {
        process.kill(-server.pid, 'SIGTERM');
      } catch {
        // It has ended by itself.
      }
      if (command && existsSync(env.LOWTIDE_HOME)) editor.lowtide('daemon', 'stop');
      await new Promise((resolve) => (server.exitCode === null ? server.once('exit', resolve) : resolve()));
      if (!process.env.KEEP) rmSync(root, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  return editor;
}
