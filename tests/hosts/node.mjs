/** The host program (program.mjs) for plain Node. node node.mjs MODULE.wasm */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Pool } from '../../demo/hosts/node/pool.mjs';
import { serve } from './serve.mjs';

const module = new WebAssembly.Module(readFileSync(process.argv[2]));
const checked = WebAssembly.Module.customSections(module, 'wasmpool.checks').length > 0;
const say = (...words) => process.stdout.write(`${words.join(' ')}\n`);

say('host node threads ends waits', ...(checked ? ['checks'] : []));
serve(createInterface(process.stdin), say, ({ workers, spares, restarts }) =>
  Pool.open(module, {
    workers,
    spares,
    restartMax: restarts < 0 ? 0xffffffff : restarts,
    restartMinMs: 0,
    pages: 4096,
  }),
);
