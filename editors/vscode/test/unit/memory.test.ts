import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryRows } from '../../src/memory/rows';
import { Samples } from '../../src/memory/samples';
import type { Status } from '../../src/protocol';
import { MIB } from '../../src/size';

const leaf = (name: string, mib: number) => ({ name, bytes: mib * MIB, children: [] });

test('the tree shows parts by size, what no part accounts for, and pages of files apart', () => {
  const daemon = { name: 'daemon 7', bytes: 50 * MIB, children: [leaf('SQLite', 2), leaf('unattributed', 48)] };
  const rows = memoryRows({
    name: 'lowtide',
    bytes: 90 * MIB,
    budgetBytes: 256 * MIB,
    mappedBytes: 9 * MIB,
    children: [daemon, leaf('worker 8', 40)],
  });
  assert.equal(rows.length, 2);
  assert.equal(rows[0]?.size, '90 / 256 MiB');
  assert.deepEqual(
    rows[0].children[0]?.children.map((row) => row.size),
    ['48 MiB', '2 MiB'],
  );
  assert.match(rows[1]?.tooltip ?? '', /Not in the budget/);
});

function status(used: number): Status {
  return {
    version: '',
    health: 'ok',
    message: '',
    state: 'idle',
    quiescent: true,
    progress: null,
    workspaces: [],
    memory: { budgetBytes: 100, usedBytes: used, peakBytes: used, mappedBytes: 0, processes: [] },
    ladder: { step: 'full', reason: '' },
  };
}

test('the server’s past goes before what was seen since, in order of time', () => {
  const samples = new Samples();
  samples.add(status(5), 100);
  samples.fill({ budgetBytes: 100, times: [10, 50, 150], usedBytes: [1, 2, 3], steps: [0, 2, 0] });
  assert.deepEqual(
    samples.all.map((one) => one.time),
    [10, 50, 100],
  );
  assert.equal(samples.all[1]?.step, 'one-worker');
});

test('long watching keeps the peak, not every sample', () => {
  const samples = new Samples();
  for (let second = 0; second < 5_000; second += 1) {
    samples.add(status(second === 777 ? 99 : 10), second);
  }
  assert.ok(samples.all.length <= 1_200);
  assert.ok(samples.all.some((one) => one.usedBytes === 99));
});
