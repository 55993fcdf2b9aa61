/**
 * Runs one file of tests in a program, on Bun or Deno, and prints a JSON line for each result.
 *
 * usage: main.js RUNTIME FILE
 */
import { writeSync } from 'node:fs';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { lackOf } from './needs.js';
import { notCaught, runTests } from './node-test.js';

const [runtime, file] = process.argv.slice(2);
process.on('uncaughtException', notCaught);
process.on('unhandledRejection', notCaught);
await import(pathToFileURL(file).href);
await runTests(
  (report) => writeSync(1, `\n${JSON.stringify(report)}\n`),
  (test) => lackOf(runtime, test),
);
process.exit(0);
