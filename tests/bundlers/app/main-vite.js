/** Vite bundles a worker module that is imported like this. */
import { check } from './check.js';
import module from './worker.js?worker&url';

check(module);
