/** The core's memory as main sees it, without threads. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { allocate } from '../../js/core/memory.js';
import { instantiate, loadProgram } from '../../js/core/load.js';
import { resolveOptions } from '../../js/options/options.js';
import { openCore } from '../../js/threads/open.js';
import { MODULE } from './helpers.js';

const BLOCK_BYTES = 4096; // of the size of main's own buffers

test('views of main reach the end of what it has allocated, also when the memory had to grow for that', async (t) => {
  const options = resolveOptions({ module: MODULE });
  const { exports, memory } = await instantiate(
    await loadProgram(options.wasm, { checked: false }),
    options.memoryBytes,
  );
  t.after(() => exports._wp_js_close());
  const core = openCore(options, exports, memory);
  const bytes = memory.buffer.byteLength;
  do {
    const at = allocate(core, BLOCK_BYTES);
    assert.ok(at + BLOCK_BYTES <= core.memory.u32.byteLength, `${at} is behind the end of the views`);
  } while (memory.buffer.byteLength === bytes);
});
