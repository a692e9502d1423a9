/** A stand-in for another extension that serves Lua: it gives one symbol that Lowtide finds, too. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const here = new URL('../..', import.meta.url).pathname;

export const lua = {
  file: 'store.lua',
  text: 'Warehouse = {}\n\nfunction Warehouse.replenish(item)\n  return item\nend\n',
};

/** Packages it under `folder`; returns the .vsix. */
export function packRival(folder) {
  const root = join(folder, 'rival');
  mkdirSync(root, { recursive: true });
  const manifest = {
    name: 'lua',
    publisher: 'sumneko',
    version: '1.0.0',
    engines: { vscode: '^1.100.0' },
    main: './main.js',
    activationEvents: ['onStartupFinished'],
  };
  writeFileSync(join(root, 'package.json'), JSON.stringify(manifest));
  writeFileSync(join(root, 'README.md'), 'A stand-in.\n');
  writeFileSync(
    join(root, 'main.js'),
    `const vscode = require('vscode');
exports.activate = () => vscode.languages.registerWorkspaceSymbolProvider({
  provideWorkspaceSymbols: (query) => /^repl/.test(query)
    ? [new vscode.SymbolInformation('replenish', vscode.SymbolKind.Function, 'of the other', new vscode.Location(
        vscode.Uri.joinPath(vscode.workspace.workspaceFolders[0].uri, 'store.lua'), new vscode.Position(2, 0)))]
    : [],
});`,
  );
  const vsix = join(folder, 'rival.vsix');
  const words = ['package', '--no-dependencies', '--allow-missing-repository', '--skip-license', '-o', vsix];
  const done = spawnSync(process.execPath, [join(here, 'node_modules/@vscode/vsce/vsce'), ...words], {
    cwd: root,
    encoding: 'utf8',
  });
  if (done.status !== 0) throw new Error(done.stdout + done.stderr);
  return vsix;
}
