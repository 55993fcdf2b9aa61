/** A job of `wasmpool/twin`, and then what every page does. */
import { createTwin } from 'wasmpool/twin';
import { check, tell } from './check.js';

const module = new URL('./plain-worker.js', import.meta.url);
const twin = createTwin({ CLIENT_WORKER_COUNT: 1 });
const sum = await new Promise((resolve) => void twin.Split(module, 'add', [20, 22], resolve));
await twin.Destroy();
if (sum === 42) check(module);
else tell({ error: `the sum is ${sum}` });
