/** For bundlers that copy a worker module as it is: it must not import anything. */
import { check } from './check.js';

check(new URL('./plain-worker.js', import.meta.url));
