import { check } from './check.js';

check(new URL('./typed-worker.js', import.meta.url));
