/**
 * Runs the core's test programs, reads their TAP, prints what failed and one line of totals.
 *
 * usage: run-unit.mjs NAME PROGRAM…      VERBOSE=1 prints all output; SEED= and SCALE= go through to the programs
 */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { basename } from 'node:path';

// Ends programs that hang: far longer than any of them takes.
const HANG_MS = 10 * 60 * 1000;
// A sanitizer's first report ends the program, with a status that says so.
const SANITIZERS = {
  ASAN_OPTIONS: 'detect_leaks=1:abort_on_error=0:detect_stack_use_after_return=1',
  UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
  TSAN_OPTIONS: 'halt_on_error=1:second_deadlock_stack=1',
};

/**
 * @typedef {object} Outcome
 * @property {string} program
 * @property {number} passed
 * @property {number} failed
 * @property {string} output
 */

/**
 * Counts one program's TAP. A program that dies, or that reports fewer tests than it planned, is one more failure.
 * @param {string} program
 * @param {string} output
 * @param {string | undefined} end how it ended, when not well
 * @returns {Outcome}
 */
function judge(program, output, end) {
  const passed = output.match(/^ok /gm)?.length ?? 0;
  let failed = output.match(/^not ok /gm)?.length ?? 0;
  const plan = output.match(/^1\.\.(\d+)$/m);
  if (!plan || Number(plan[1]) !== passed + failed) {
    failed++;
    output += `# ${basename(program)}: ${end ?? 'ended'} before its last test\n`;
  } else if (end && failed === 0) {
    failed++;
    output += `# ${basename(program)}: ${end} after its last test\n`;
  }
  return { program, passed, failed, output };
}

/**
 * Runs one program to its end.
 * @param {string} program
 * @returns {Promise<Outcome>}
 */
function run(program) {
  const { promise, resolve } = withResolvers();
  const child = spawn(program, {
    env: { ...SANITIZERS, ...process.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const collect = (/** @type {Buffer} */ chunk) => (output += chunk);
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const net = setTimeout(() => {
    output += `# hangs: ended after ${HANG_MS / 1000} s\n`;
    child.kill('SIGABRT');
  }, HANG_MS);
  child.on('error', (error) => {
    clearTimeout(net);
    resolve(judge(program, output, error.message));
  });
  child.on('close', (code, signal) => {
    clearTimeout(net);
    resolve(judge(program, output, signal ?? (code ? `exit status ${code}` : undefined)));
  });
  return promise;
}

/** Promise.withResolvers, which Node 20 does not have. */
function withResolvers() {
  let resolve = (/** @type {Outcome} */ _outcome) => {};
  const promise = new Promise((settle) => (resolve = settle));
  return { promise, resolve };
}

const [name, ...programs] = process.argv.slice(2);
const waiting = [...programs];
let passed = 0;
let failed = 0;

/** Takes programs from the list until it is empty. */
async function work() {
  for (let program = waiting.shift(); program; program = waiting.shift()) {
    const outcome = await run(program);
    passed += outcome.passed;
    failed += outcome.failed;
    if (process.env.VERBOSE || outcome.failed) {
      const lines = outcome.output.trimEnd().split('\n');
      const shown = process.env.VERBOSE ? lines : lines.filter((line) => !line.startsWith('ok '));
      console.log(`${basename(program)}:\n  ${shown.join('\n  ')}`);
    }
  }
}

await Promise.all(Array.from({ length: availableParallelism() }, work));
console.log(`${name}: ${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
