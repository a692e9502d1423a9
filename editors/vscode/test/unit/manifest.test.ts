import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

interface Setting {
  scope?: string;
  default: unknown;
  markdownDescription?: string;
}
interface Manifest {
  extensionKind: string[];
  dependencies?: object;
  engines: Record<string, string>;
  enabledApiProposals?: string[];
  extensionDependencies?: string[];
  publisher: string;
  license: string;
  icon: string;
  repository: { url: string };
  categories: string[];
  keywords: string[];
  capabilities: Record<string, { supported: unknown; description: string; restrictedConfigurations?: string[] }>;
  contributes: {
    commands: { command: string; title: string }[];
    keybindings: { command: string; key: string; mac?: string; when?: string }[];
    menus: Record<string, { command: string; when?: string; group?: string }[]>;
    configuration: { properties: Record<string, Setting> }[];
    walkthroughs: { steps: { id: string; media: { markdown: string }; description: string }[] }[];
  };
}
const read = (file: string): unknown => JSON.parse(readFileSync(file, 'utf8'));
const manifest = read('package.json') as Manifest;
const texts = read('package.nls.json') as Record<string, string>;
const properties = Object.assign({}, ...manifest.contributes.configuration.map((one) => one.properties)) as Record<
  string,
  Setting
>;

test('the extension runs where the files are, and says why not without a disk', () => {
  assert.deepEqual(manifest.extensionKind, ['workspace']);
  assert.equal(manifest.capabilities.virtualWorkspaces?.supported, false);
  assert.match(texts[manifest.capabilities.virtualWorkspaces.description.slice(1, -1)] ?? '', /disk/);
});

test('a workspace that is not trusted names no program, and no workspace sets the budget', () => {
  const { untrustedWorkspaces } = manifest.capabilities;
  assert.equal(untrustedWorkspaces?.supported, 'limited');
  assert.deepEqual(untrustedWorkspaces.restrictedConfigurations, ['lowtide.path']);
  assert.equal(properties['lowtide.path']?.scope, 'machine-overridable');
  assert.equal(properties['lowtide.budget']?.scope, 'machine');
});

test('every setting has a default and a description in Markdown that can be translated', () => {
  for (const [name, setting] of Object.entries(properties)) {
    assert.ok('default' in setting, name);
    assert.match(setting.markdownDescription ?? '', /^%[\w.]+%$/, name);
  }
});

test('titles are translated, and every command that a walkthrough links to exists', () => {
  const own = new Set(manifest.contributes.commands.map((one) => one.command));
  for (const { command, title } of manifest.contributes.commands) {
    assert.match(title, /^%[\w.]+%$/, command);
  }
  for (const step of manifest.contributes.walkthroughs.flatMap((one) => one.steps)) {
    assert.ok(existsSync(step.media.markdown), step.id);
    const linked = [...(texts[step.description.slice(1, -1)] ?? '').matchAll(/command:(lowtide\.\w+)/g)];
    assert.ok(
      linked.every(([, command]) => own.has(command ?? '')),
      step.id,
    );
  }
});

test('nothing is sent anywhere: the sources reach no network, and nothing but the client library is bundled', () => {
  for (const entry of readdirSync('src', { recursive: true, encoding: 'utf8' })) {
    if (entry.endsWith('.ts')) {
      const text = readFileSync(`src/${entry}`, 'utf8');
      assert.doesNotMatch(
        text,
        /\bfetch\(|node:(https?|net|dgram|tls)\b|TelemetryLogger|XMLHttpRequest|WebSocket/,
        entry,
      );
    }
  }
  assert.equal(manifest.dependencies, undefined);
});

test('the registries of extensions take it: names, licence, icon, pictures by whole address, no API that is only proposed', () => {
  assert.match(manifest.publisher, /^[a-z\d][a-z\d-]*$/);
  assert.equal(manifest.engines.vscode, '^1.100.0');
  assert.equal(manifest.license, 'MIT');
  assert.ok(existsSync('LICENSE') && existsSync('CHANGELOG.md'));
  assert.match(manifest.repository.url, /^https:/);
  assert.match(manifest.icon, /\.png$/);
  assert.ok(existsSync(manifest.icon));
  assert.ok(manifest.keywords.length <= 30, 'more are refused');
  // Editors made from VS Code have neither proposed APIs nor, always, its own extensions.
  assert.equal(manifest.enabledApiProposals, undefined);
  assert.equal(manifest.extensionDependencies, undefined);
  for (const [, address] of readFileSync('README.md', 'utf8').matchAll(/!\[[^\]]*\]\(([^)]+)\)/g)) {
    assert.match(address ?? '', /^https:\/\/.+\.png$/, 'a relative picture, or one of SVG, is refused');
  }
});

test('what a button of a row does has a key or a menu, too; every key is of a command, and of one place', () => {
  const { keybindings, menus, commands } = manifest.contributes;
  const inline = (menus['view/item/context'] ?? []).filter((item) => item.group === 'inline');
  for (const { command } of inline) {
    assert.ok(
      keybindings.some((one) => one.command === command),
      command,
    );
    const other = (menus['view/item/context'] ?? []).some(
      (item) => item.command === command && item.group !== 'inline',
    );
    assert.ok(other, `${command} is in the menu of Shift+F10`);
  }
  const places = keybindings.map(({ key, when }) => `${key} ${when ?? ''}`);
  assert.equal(new Set(places).size, places.length);
  for (const { command } of keybindings) {
    assert.ok(
      commands.some((one) => one.command === command),
      command,
    );
  }
});
