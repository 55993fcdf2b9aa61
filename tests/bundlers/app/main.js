import { check } from './check.js';

check(new URL('./worker.js', import.meta.url));
