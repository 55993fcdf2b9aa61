/** The soak in a program: main.js KILLS SEED. Prints its reports, one JSON text a line. */
import process from 'node:process';
import { createPool } from '../../../js/dist/index.mjs';
import { soak } from './soak.js';

const [kills, seed] = process.argv.slice(2).map(Number);
const where = {
  module: new URL('./handlers.js', import.meta.url),
  wasm: new URL('../../../build/smoke/tasks.mjs', import.meta.url),
};
const print = (report) => console.log(JSON.stringify(report));
print({ outcome: await soak(createPool, where, { kills, seed }, print) });
process.exit(0);
