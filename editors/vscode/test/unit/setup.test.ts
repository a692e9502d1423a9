import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { locate, type Machine } from '../../src/server/locate';
import { isOlder } from '../../src/setup/compare';
import { whyItFailed } from '../../src/setup/failure';
import { wordsForUv } from '../../src/setup/quick';
import { refusal } from '../../src/setup/supported';
import { ownEnvironment, waysToInstall } from '../../src/setup/ways';
import { ownWheel } from '../../src/setup/wheel';

function machine(programs: string[]): Machine {
  return {
    home: '/home/me',
    env: { PATH: '/usr/bin:.' },
    isProgram: (file) => Promise.resolve(programs.includes(file)),
  };
}
const pip = '/usr/share/python-wheels/pip-23.0.1-py3-none-any.whl';
const suits = () => Promise.resolve(pip);
const wheel = '/x/wheel/lowtide-0.1.0-py3-none-any.whl';

test('uv is before Python; what is not there is not tried; both install what the extension carries', async () => {
  const all = ['/usr/bin/python3', '/usr/bin/uv'];
  const ways = await waysToInstall(machine(all), '/s', wheel, suits);
  assert.deepEqual(
    ways.map((way) => way.kind),
    ['uv', 'python'],
  );
  assert.ok(ways.every((way) => way.steps[1].at(-1) === wheel));
  assert.deepEqual(ways[0]?.steps[1].slice(0, 5), [
    '/usr/bin/uv',
    'pip',
    'install',
    '--python',
    '/s/environment/bin/python',
  ]);
  assert.deepEqual(await waysToInstall(machine(['uv', './uv']), '/s', wheel, suits), []);
});

test('uv is found where it puts itself, also without a shell’s PATH', async () => {
  const [way] = await waysToInstall(machine(['/home/me/.local/bin/uv']), '/s', wheel, suits);
  assert.equal(way?.program, '/home/me/.local/bin/uv');
});

test('Python makes an environment of the extension’s own, which is used before anything else', async () => {
  const [way] = await waysToInstall(machine(['/usr/bin/python3']), '/s', wheel, suits);
  assert.deepEqual(way?.steps[0], ['/usr/bin/python3', '-m', 'venv', '--clear', '/s/environment']);
  assert.equal(way.steps[1][0], '/s/environment/bin/python');
  const { commands } = ownEnvironment('/s');
  const both = machine(['/usr/bin/lowtide', '/s/environment/bin/lowtide']);
  const located = await locate(both, { configured: '', trusted: false, own: commands });
  assert.equal(located.found && located.source, 'own', 'an older one on PATH does not hide an update');
});

test('where there is no uv it is got for the while, and told where pip would look; else pip does it all', async () => {
  const [way] = await waysToInstall(machine(['/usr/bin/python3']), '/s', wheel, suits);
  assert.ok(way?.quick);
  const { quick } = way;
  const inside = '/s/environment/bin/python';
  const folder = '/s/environment/installer';
  assert.equal(quick.folder, folder);
  assert.deepEqual(quick.make, ['/usr/bin/python3', '-m', 'venv', '--clear', '--without-pip', '/s/environment']);
  assert.deepEqual(quick.unpack, [inside, '-m', 'zipfile', '-e', pip, folder]);
  assert.deepEqual(quick.config, [inside, `${folder}/pip`, 'config', 'list']);
  assert.deepEqual(quick.get.slice(0, 3), [inside, `${folder}/pip`, 'install']);
  assert.deepEqual(quick.get.slice(-3), ['--target', `${folder}/uv`, 'uv']);
  assert.deepEqual(quick.install, [`${folder}/uv/bin/uv`, 'pip', 'install', '--python', inside, wheel]);
  const [bare] = await waysToInstall(machine(['/usr/bin/python3']), '/s', wheel, () => Promise.resolve(''));
  assert.equal(bare?.kind, 'python', 'a Python that carries no pip of its own is used all the same');
  assert.equal(bare.quick, undefined);
  assert.deepEqual(wordsForUv([], {}), []);
  const lines = [
    ":env:.index-url='https://in.house/simple'",
    "global.index-url='https://elsewhere/simple'",
    "global.extra-index-url='\\nhttps://a/\\nhttps://b/'",
    "install.find-links='/opt/wheels'",
    "global.constraint='/etc/c.txt'",
    "global.timeout='180'",
    "download.no-index='true'",
  ];
  assert.deepEqual(wordsForUv(lines, {}), [
    ...['--default-index', 'https://in.house/simple', '--index', 'https://a/', '--index', 'https://b/'],
    ...['--find-links', '/opt/wheels', '--constraint', '/etc/c.txt'],
  ]);
  assert.equal(wordsForUv(["global.proxy='http://p:1'"], {}), undefined);
  assert.equal(wordsForUv(["global.trusted-host='h'"], {}), undefined);
  assert.equal(wordsForUv(["global.cert='/c.pem'"], {}), undefined);
  assert.deepEqual(wordsForUv(["global.cert='/c.pem'"], { SSL_CERT_FILE: '/c.pem' }), []);
});

test('a Python that is too old is passed over for one that suits', async () => {
  const asked: string[] = [];
  const two = machine(['/usr/bin/python3', '/usr/bin/python3.12']);
  const ways = await waysToInstall(two, '/s', wheel, (python) => {
    asked.push(python);
    return Promise.resolve(python.endsWith('3.12') ? pip : undefined);
  });
  assert.deepEqual(asked, ['/usr/bin/python3', '/usr/bin/python3.12']);
  assert.equal(ways[0]?.program, '/usr/bin/python3.12');
});

test('where the server does not run that is said, with where it does', () => {
  assert.equal(refusal('linux'), undefined);
  for (const [platform, name] of [
    ['darwin', 'macOS'],
    ['win32', 'Windows'],
    ['freebsd', 'freebsd'],
  ] as const) {
    assert.match(
      refusal(platform) ?? '',
      new RegExp(`runs on Linux, .* on ${name}\\. .* container, in WSL 2, or over SSH`),
    );
  }
});

test('the wheel is the one in the extension’s folder; a build without one says so', async () => {
  const root = mkdtempSync(join(tmpdir(), 'lowtide-unit-'));
  try {
    assert.equal(await ownWheel(root), undefined);
    mkdirSync(join(root, 'wheel'));
    writeFileSync(join(root, 'wheel', 'lowtide-0.1.0-py3-none-any.whl'), '');
    writeFileSync(join(root, 'wheel', 'other.whl'), '');
    assert.equal(await ownWheel(root), join(root, 'wheel', 'lowtide-0.1.0-py3-none-any.whl'));
  } finally {
    rmSync(root, { recursive: true });
  }
});

test('what failed is said in words, with what to do', () => {
  for (const [said, words] of [
    ["/usr/bin/python3: No module named 'venv'", /python3-venv/],
    ['The virtual environment was not created successfully because ensurepip is not available.', /python3-venv/],
    ['OSError: [Errno 28] No space left on device', /disk is full/],
    ['ERROR: Could not find a version … NewConnectionError(…)', /could not be reached/],
    ['error: Failed to fetch: `simple/numpy/` … dns error', /could not be reached/],
    ['SSLError(SSLCertVerificationError: CERTIFICATE_VERIFY_FAILED', /not trusted/],
    ["ERROR: Package 'lowtide' requires a different Python: 3.9.2 not in '>=3.11'", /3\.11 or newer/],
    ['error: [Errno 13] Permission denied: x', /cannot be written/],
  ] as const) {
    assert.match(whyItFailed(['Collecting numpy', said, 'note: see above']), words, said);
  }
  assert.equal(whyItFailed(['x', 'ERROR: something new', 'hint']), 'something new');
  assert.equal(whyItFailed([]), '');
});

test('versions are compared by their numbers', () => {
  assert.ok(isOlder('0.1.0', '0.2.0'));
  assert.ok(isOlder('0.9.9', '0.10.0'));
  assert.ok(!isOlder('0.2.0', '0.2.0'));
  assert.ok(!isOlder('1.0.0', '0.9.0'));
  assert.ok(!isOlder('unknown', '0.9.0'));
});
