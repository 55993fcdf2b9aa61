import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import process from 'node:process';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { findPath, step } from '../../examples/simulation-worker.mjs';

const SIMULATION = fileURLToPath(new URL('../../examples/simulation.mjs', import.meta.url));

test('the simulation computes in frames what one thread would, finds its paths, and reports [TW-08, TW-17, TW-31, TW-45]', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [SIMULATION, '41', '300'], { encoding: 'utf8' });
  assert.equal(status, 0, stdout + stderr);
  assert.match(stdout, /^41 frames of 300 bodies, \d+ late; as computed on one thread: yes$/m);
  assert.match(stdout, /^[1-3] paths found of 3 asked for, each 961 long$/m); // one that is asked for anew is given up
  assert.match(stdout, /^overall: (Green|Yellow|Red), of \d+ samples$/m);
  assert.match(stdout, /^FrameGovernor \{"BudgetMs":\{"Value":8,"Status":"Healthy"\}/m);
});

test('the simulation’s handlers: a body falls towards a well; the shortest way is found, and none is none', () => {
  const [moved] = step([{ x: 10, y: 0, vx: 0, vy: 0 }], {
    sharedArgs: { wells: [{ x: 0, y: 0, mass: 50 }], seconds: 1 },
  });
  assert.ok(moved.x < 10 && moved.vx < 0 && moved.y === 0);
  const context = { isCancelled: false };
  const path = findPath({ grid: ['..', '#.', '..'], from: [0, 0], to: [2, 0] }, context);
  assert.deepEqual(path, [
    [0, 0],
    [0, 1],
    [1, 1],
    [2, 1],
    [2, 0],
  ]);
  assert.equal(findPath({ grid: ['.', '#', '.'], from: [0, 0], to: [2, 0] }, context), undefined);
});

const run = (name, ...args) =>
  spawnSync(process.execPath, [fileURLToPath(new URL(`../../examples/${name}.mjs`, import.meta.url)), ...args], {
    encoding: 'utf8',
  });

test('the crawler gives up the page that hangs its parser, and parses all others [NF-41 NF-51 NF-57]', () => {
  const { status, stdout, stderr } = run('crawler', '20');
  assert.equal(status, 0, stdout + stderr);
  assert.match(stdout, /^19 pages parsed, 1 given up: \/10 \(hung\)$/m);
  assert.match(stdout, /^parsers were started [45] times$/m); // the last restart may not have begun yet
});

test('the agents’ kill switch ends one that makes too many calls, and one that never gives its thread back [NF-42 NF-69 NF-75]', () => {
  const { status, stdout, stderr } = run('agent');
  assert.equal(status, 0, stdout + stderr);
  assert.deepEqual(stdout.trim().split('\n'), [
    'plan a trip: done, after 3 calls',
    'collect everything there is: switched off: it has made 20 calls, after 20 calls',
    'think about thinking: switched off: its 2000 ms were over, after 0 calls',
    'tools are closed',
  ]);
});

test('the pipeline measures every picture, with fewer boxes than pictures [NF-68]', () => {
  const { status, stdout, stderr } = run('pipeline', '10');
  assert.equal(status, 0, stdout + stderr);
  assert.equal(stdout, '10 pictures, mean brightness 5.5\n');
});
