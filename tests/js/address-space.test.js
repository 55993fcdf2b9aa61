/** Too little memory or address space to start: the error says so, and what helps. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import test from 'node:test';
import { host } from '../../js/host/index.js';
import { Pool } from '../../js/index.js';
import { C_TASKS, MODULE } from './helpers.js';

const TRAP_FLAG = '--disable-wasm-trap-handler';
const noUlimit = process.platform !== 'linux' && 'limits address space by `ulimit -v`, as on Linux';
const noFlag = !process.allowedNodeEnvironmentFlags.has(TRAP_FLAG) && `this runtime has no ${TRAP_FLAG}`;

const PROGRAM = `
  import { createPool } from ${JSON.stringify(new URL('../../js/index.js', import.meta.url).href)};
  const said = {};
  try {
    new WebAssembly.Memory({ initial: 256, maximum: 65536, shared: true });
    said.fits = true;
  } catch {
    said.fits = false;
  }
  try {
    const pool = await createPool({ module: ${JSON.stringify(MODULE.href)}, workers: 1, ...JSON.parse(process.argv[1]) });
    said.result = await pool.dispatch('echo', 'served');
    await pool.destroy();
  } catch ({ name, code, message }) {
    Object.assign(said, { name, code, message });
  }
  console.log(JSON.stringify(said));`;

/**
 * The error of a pool in a process with so much address space.
 * @param {number} kilobytes
 * @param {string[]} flags of Node
 * @param {object} options of the pool
 */
function inLimits(kilobytes, flags, options) {
  const args = [...flags, '--input-type=module', '-e', PROGRAM, JSON.stringify(options)];
  const command = `ulimit -v ${kilobytes}; exec "$@"`;
  const { stdout, stderr } = spawnSync('sh', ['-c', command, 'sh', process.execPath, ...args], { encoding: 'utf8' });
  assert.notEqual(stdout, '', stderr);
  return JSON.parse(stdout);
}

test(
  'without address space for the memory the pool rejects with NO_MEMORY, naming memory.maximum',
  {
    skip: noUlimit,
  },
  (context) => {
    const { fits, ...said } = inLimits(6_000_000, [], {});
    if (fits) {
      context.skip('this version of Node makes do with 6 GB');
      return;
    }
    assert.equal(said.name, 'PoolError');
    assert.equal(said.code, 'NO_MEMORY');
    assert.match(said.message, /4294967296 bytes: .*smaller memory\.maximum/);
    if (!noFlag) assert.match(said.message, new RegExp(TRAP_FLAG));
  },
);

test('a smaller memory.maximum makes a pool fit into 4 GB of address space', { skip: noUlimit || noFlag }, () => {
  assert.equal(inLimits(4_000_000, [TRAP_FLAG], { memory: { maximum: '64mb' } }).result, 'served');
});

/**
 * Starts a pool after something of the runtime was replaced.
 * @param {object} target
 * @param {string} name
 * @param {(original: any) => any} replacement
 * @param {object} [options]
 */
async function startWith(target, name, replacement, options) {
  const original = target[name];
  target[name] = replacement(original);
  const pool = new Pool({ module: MODULE, workers: 1, ...options });
  try {
    await pool.ready;
    return undefined;
  } catch (error) {
    return error;
  } finally {
    target[name] = original;
    await pool.destroy();
  }
}

const small = (Memory) =>
  class extends Memory {
    constructor(descriptor) {
      if (descriptor.maximum > 1024) throw new RangeError('could not allocate memory');
      super(descriptor);
    }
  };

test('a runtime that has room for a smaller memory only: the error names memory.maximum, which helps', async () => {
  const error = await startWith(WebAssembly, 'Memory', small);
  assert.equal(error.code, 'NO_MEMORY');
  assert.match(error.message, /smaller memory\.maximum/);
  assert.match(error.message, /pools that were destroyed counts until it is garbage-collected: keep one pool/);
  assert.equal(error.cause.name, 'RangeError');
  assert.equal(await startWith(WebAssembly, 'Memory', small, { memory: { maximum: '64mb' } }), undefined);
});

test('no room for the code, or for a thread, is NO_MEMORY; a core that cannot be used is START_FAILED', async () => {
  const outOfMemory = () => async () => {
    throw new RangeError('Out of memory');
  };
  const compile = await startWith(WebAssembly, 'compile', outOfMemory, { wasm: C_TASKS, loopChecks: false });
  assert.equal(compile.code, 'NO_MEMORY');
  const instantiate = await startWith(WebAssembly, 'instantiate', () => async () => {
    throw new WebAssembly.LinkError('an import is missing');
  });
  assert.equal(instantiate.code, 'START_FAILED');
  assert.match(instantiate.message, /an import is missing/);
  const thread = await startWith(host, 'createThread', () => () => {
    throw Object.assign(new Error('EAGAIN'), { code: 'ERR_WORKER_INIT_FAILED' });
  });
  assert.equal(thread.code, 'NO_MEMORY');
  assert.match(thread.message, /fewer workers/);
});
