/** Runs test/inhost inside the extension host of a real VS Code; the environment is that of the end-to-end tests. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import * as esbuild from 'esbuild';
import { launchBrowser } from '../e2e/browser.mjs';
import { freePort } from '../e2e/editor.mjs';

const MOST_MS = 240_000;
const here = new URL('../..', import.meta.url).pathname.replace(/\/$/, '');
await esbuild.build({
  entryPoints: [join(here, 'test/inhost/index.ts')],
  outfile: join(here, 'out/inhost/index.js'),
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  external: ['vscode'],
  logLevel: 'warning',
});

const root = mkdtempSync(join(tmpdir(), 'lowtide-inhost-'));
const home = join(root, 'home');
const folder = join(root, 'shop');
const put = (name, text) => {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), text);
};
mkdirSync(home);
put(
  'warehouse.py',
  'class Warehouse:\n    def restock(self, item):\n        """Order more of an item that runs low."""\n        return item\n',
);
put('store.lua', 'Warehouse = {}\n\nfunction Warehouse.restock(item)\n  return item\nend\n');
put('use.py', 'from warehouse import Warehouse\n\nWarehouse().restock(1)\n');
put('store.sh', 'restock() {\n  echo "$1"\n}\n');
put('web/prices.ts', 'export class PriceList {\n  total(): number {\n    return 0;\n  }\n}\n');
put('web/tsconfig.json', '{ "compilerOptions": { "strict": true } }\n');
put('README.md', '# Shop\n\nA small shop.\n');
put('../depot/depot.go', 'package depot\n\ntype WarehouseLift struct{}\n');
put('../later/later.rs', 'pub struct WarehouseGate;\n');
const workspace = join(root, 'shop.code-workspace');
writeFileSync(workspace, JSON.stringify({ folders: [{ path: 'shop' }, { path: 'depot' }] }));

const lowtide = process.env.LOWTIDE;
const path = [dirname(lowtide), '/usr/bin', '/bin'].join(':');
writeFileSync(join(home, '.bash_profile'), `export PATH=${path}\n`);
const results = join(root, 'results.txt');
writeFileSync(results, '');
const env = {
  HOME: home,
  SHELL: '/bin/bash',
  LANG: 'C.UTF-8',
  PATH: path,
  LOWTIDE_HOME: join(root, 'lowtide'),
  XDG_RUNTIME_DIR: root,
  LOWTIDE_RESULTS: results,
};
const node = process.env.NODE ?? process.execPath;
const main = join(process.env.VSCODE, 'lib/vscode/out/server-main.js');
const places = ['--server-data-dir', join(root, 'data'), '--extensions-dir', join(root, 'extensions')];
const port = await freePort();
const server = spawn(
  node,
  [
    ...[main, '--enable-smoke-test-driver', '--host', '127.0.0.1'],
    ...['--port', String(port), '--without-connection-token', '--accept-server-license-terms'],
    ...[...places, '--telemetry-level', 'off'],
  ],
  { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] },
);
let output = '';
await new Promise((resolve, reject) => {
  const take = (data) => {
    output += data;
    if (/Extension host agent listening|Web UI available/.test(output)) resolve();
  };
  server.stdout.on('data', take);
  server.stderr.on('data', take);
  server.once('exit', (code) => reject(new Error(`the server ended with ${code}: ${output}`)));
});

let code = 1;
const browser = await launchBrowser();
try {
  const page = await browser.newPage({ viewport: { width: 1200, height: 800 } });
  const remote = (file) => `vscode-remote://127.0.0.1:${port}${file}`;
  const payload = [
    ['extensionDevelopmentPath', remote(here)],
    ['extensionTestsPath', remote(join(here, 'out/inhost/index'))],
    ['skipWelcome', 'true'],
  ];
  const exit = new Promise((resolve, reject) => {
    void page.exposeFunction('codeAutomationLog', () => undefined);
    void page.exposeFunction('codeAutomationExit', (given) => resolve(given));
    setTimeout(() => reject(new Error(`no end within ${MOST_MS} ms`)), MOST_MS).unref();
  });
  await page.goto(
    `http://127.0.0.1:${port}/?workspace=${workspace}&payload=${encodeURIComponent(JSON.stringify(payload))}`,
  );
  code = await exit;
} catch (error) {
  console.error(error, output.slice(-2000));
} finally {
  await browser.close();
  try {
    process.kill(-server.pid, 'SIGTERM');
  } catch {
    // It has ended by itself.
  }
  spawnSync(lowtide, ['daemon', 'stop'], { env });
  const text = readFileSync(results, 'utf8');
  process.stdout.write(text);
  process.exitCode = code === 0 && /, 0 failed\n$/.test(text) ? 0 : 1;
  rmSync(root, { recursive: true, force: true, maxRetries: 5 });
}
