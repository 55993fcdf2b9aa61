/** The suite in a program: prints one JSON line a case. For Node and Bun. */
import { createPool } from '../../js/dist/index.mjs';
import { run } from './suite.js';

await run(
  createPool,
  {
    module: new URL('./handlers.js', import.meta.url),
    wasm: new URL('../../build/smoke/tasks.mjs', import.meta.url),
    isolated: new URL('../../build/smoke/isolated.mjs', import.meta.url),
  },
  (line) => console.log(JSON.stringify(line)),
);
process.exit(0);
