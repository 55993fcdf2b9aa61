/** For Deno without any permission: a pool fails and names the permission that it lacks. */
import { createPool, PoolError } from '../../js/dist/index.mjs';

const error = await createPool({ module: new URL('./handlers.js', import.meta.url) }).catch((reason) => reason);
const isRight = error instanceof PoolError && error.code === 'START_FAILED' && /--allow-read/.test(error.message);
const detail = isRight ? undefined : String(error?.stack ?? error);
const name = 'start: without permission to read, the error names it';
console.log(JSON.stringify({ name, result: isRight ? 'passed' : 'failed', detail }));
