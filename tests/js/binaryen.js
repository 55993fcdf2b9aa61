/** Binaryen, which comes with Emscripten: it knows the instructions that wabt does not, of garbage collection above all. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const CONFIG = fileURLToPath(new URL('../../.toolchain/bin/em-config', import.meta.url));
const bin = join(execFileSync(CONFIG, ['BINARYEN_ROOT'], { encoding: 'utf8' }).trim(), 'bin');
const directory = mkdtempSync(join(tmpdir(), 'wasmpool-binaryen-'));
process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
const [input, output] = ['in', 'out'].map((name) => join(directory, name));

/**
 * @param {string} tool
 * @param {string | Uint8Array} content
 */
function run(tool, content) {
  writeFileSync(input, content);
  const { status, stderr } = spawnSync(join(bin, tool), ['-all', input, '-o', output], { encoding: 'utf8' });
  return status === 0 ? undefined : stderr || `${tool}: status ${status}`;
}

/**
 * @param {string} source
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function assemble(source) {
  const fault = run('wasm-as', source);
  if (fault) throw new Error(`${fault}\n${source}`);
  return new Uint8Array(readFileSync(output));
}

/**
 * What is wrong with a module, if anything.
 * @param {Uint8Array} bytes
 */
export const faultOf = (bytes) => run('wasm-opt', bytes);
