/** The host program (program.mjs) for a host without threads. node inline.mjs MODULE.wasm */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Pool } from '../../demo/hosts/inline/pool.mjs';
import { serve } from './serve.mjs';

const module = new WebAssembly.Module(readFileSync(process.argv[2]));
const say = (...words) => process.stdout.write(`${words.join(' ')}\n`);

say('host inline');
serve(createInterface(process.stdin), say, async () => new Pool(module));
