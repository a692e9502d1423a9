import assert from 'node:assert/strict';
import { test } from 'node:test';
import { locate, type Machine } from '../../src/server/locate';
import { ownEnvironment, waysToInstall } from '../../src/setup/ways';

function machine(programs: string[], platform: NodeJS.Platform = 'linux'): Machine {
  return {
    platform,
    home: '/home/me',
    env: { PATH: platform === 'win32' ? 'C:\\py;.' : '/usr/bin:.' },
    isProgram: (file) => Promise.resolve(programs.includes(file)),
  };
}
const suits = () => Promise.resolve(true);

test('uv is before pipx, that before Python; what is not there is not offered', async () => {
  const all = ['/usr/bin/python3', '/usr/bin/pipx', '/usr/bin/uv'];
  assert.deepEqual(
    (await waysToInstall(machine(all), '/s', suits)).map((way) => way.kind),
    ['uv', 'pipx', 'python'],
  );
  assert.deepEqual(await waysToInstall(machine(['uv', './uv']), '/s', suits), []);
});

test('Python makes an environment of the extension’s own, so that a managed one is not touched', async () => {
  const [way] = await waysToInstall(machine(['/usr/bin/python3']), '/s', suits);
  assert.deepEqual(way?.steps[0], ['/usr/bin/python3', '-m', 'venv', '--clear', '/s/environment']);
  assert.equal(way.steps[1]?.[0], '/s/environment/bin/python');
  const { commands } = ownEnvironment('/s', 'linux');
  const located = await locate(machine(['/s/environment/bin/lowtide']), {
    configured: '',
    trusted: false,
    own: commands,
  });
  assert.equal(located.found && located.source, 'own');
});

test('a Python that is too old is passed over for one that suits', async () => {
  const asked: string[] = [];
  const ways = await waysToInstall(machine(['/usr/bin/python3', '/usr/bin/python3.12']), '/s', (python) => {
    asked.push(python);
    return Promise.resolve(python.endsWith('3.12'));
  });
  assert.deepEqual(asked, ['/usr/bin/python3', '/usr/bin/python3.12']);
  assert.equal(ways[0]?.steps[0]?.[0], '/usr/bin/python3.12');
});

test('on Windows the environment has Scripts and .exe', async () => {
  const [way] = await waysToInstall(machine(['C:\\py\\python.exe'], 'win32'), 'C:\\s', suits);
  assert.equal(way?.steps[1]?.[0], 'C:\\s\\environment\\Scripts\\python.exe');
});
