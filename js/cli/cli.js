/** The command line `wasmpool`: parses arguments and returns the exit status. The commands are in the other files of cli/. */

import process from 'node:process';
import { Command, CommanderError, InvalidArgumentError, Option } from '../dist/command-line.cjs';
import { runBench } from './bench.js';
import { UsageError, describe, oneLine } from './fault.js';
import { packageVersion, runInfo } from './info.js';
import { runInstrument } from './instrument.js';
import { runMap } from './map.js';
import { runServe } from './serve.js';
import { runTop } from './top/top.js';

/** @typedef {import('./map.js').Io} Io */

const MAP_NOTES = `
Items and results:
  --files   each FILE is an item: a JS handler gets { path, bytes }, a C task the bytes.
            Workers read the files. Output: {"path":…,"result":…}
  --paths   each FILE is an item: the handler gets its path, and reads it as it likes; FILE
            need not be a file. Output as with --files
  --lines   each line is an item, a string without its line end. Output: the result
  --json    each line is an item, one JSON value; blank lines are skipped. Output: the result
  Without FILE, or where FILE is '-', standard input is read (--paths: names, one a line).
  Results are NDJSON: binary data as base64, BigInt as a string, Map and Set as arrays. What a
  handler prints goes to stderr.

Failed items:
  Each is named on stderr: 'wasmpool: INPUT: CODE message', where INPUT is FILE or FILE:LINE.
  With --keep-order it also has a line in the output, in its place, and with --errors FILE one
  in FILE: {"index":…,"error":{"code":…,"message":…}}. Indexes count items from 0.

MODULE is an ES module whose exported functions are the handlers, or a module with C tasks
that emcc built; -e CODE takes its place, a function such as 'x => x * 2' or
'async ({ path }) => …'. A worker module names the C tasks that go with it by
'export const wasm = new URL(…, import.meta.url)'; or --wasm does.

-o FILE is written as results come, so that a run that ends early leaves what it had. With
--resume LOG the run notes in LOG which items are done, in the format of GNU parallel's
--joblog; the same command run again skips these, and adds to FILE and LOG. Failed items are
run again.

Items that take microseconds travel together, by themselves: --batch N fixes how many. The
time limit is each item's own, and of items that travel with one that hangs none is lost and
none is run twice.

Exit status: 0 all items done; 1 some failed; 2 wrong use; 130 Ctrl-C (143 SIGTERM): running
items are finished and written, those that wait are not run, a second Ctrl-C ends at once;
141 the reader of the output closed it.`;

/**
 * Runs the command line.
 * @param {string[]} args  without the program's name
 * @param {Partial<Io>} [io]  streams, signals and so on; default: this process's
 * @returns {Promise<number>} the exit status
 */
export async function main(args, io = {}) {
  const world = { ...processIo(io), ...io };
  const state = { status: 0 };
  try {
    await program(world, state).parseAsync(args, { from: 'user' });
    return state.status;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const isUsage = error instanceof UsageError;
    world.stderr.write(`wasmpool: ${isUsage ? oneLine(error.message) : describe(error)}\n`);
    return isUsage ? 2 : 1;
  }
}

/**
 * @param {Io} io
 * @param {{ status: number }} state  gets the exit status of a command
 */
function program(io, state) {
  const wasmpool = new Command('wasmpool')
    .description('A pool of workers whose hung tasks can be killed')
    .version(packageVersion())
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: (text, write) => write(`wasmpool: ${oneLine(text.replace(/^error: /, ''))}\n`),
    })
    .exitOverride();
  addMap(wasmpool).action(async (spec, files, flags) => {
    const hasCode = flags.eval !== undefined; // then the first argument is a FILE as well
    const inputs = hasCode && spec !== undefined ? [spec, ...files] : files;
    state.status = await runMap(hasCode ? undefined : spec, inputs, flags, io);
  });
  addServe(wasmpool).action(async (spec, flags) => {
    state.status = await runServe(spec, flags, io);
  });
  addTop(wasmpool).action(async (pid, flags) => {
    state.status = await runTop(pid, flags, io);
  });
  addInstrument(wasmpool).action(async (input, flags) => {
    state.status = await runInstrument(input, flags, io);
  });
  addBench(wasmpool).action(async (flags) => {
    state.status = await runBench(flags, /** @type {any} */ (io));
  });
  addInfo(wasmpool).action(async (flags) => {
    state.status = await runInfo(flags, /** @type {any} */ (io));
  });
  return wasmpool;
}

/**
 * @param {Command} wasmpool
 * @returns {Command}
 */
function addMap(wasmpool) {
  const map = wasmpool
    .command('map')
    .summary('run a handler over inputs in parallel, results in input order')
    .description('Runs a handler over inputs in parallel; results in input order, as NDJSON.')
    .argument('[MODULE#EXPORT]', 'the handler or C task; none with -e')
    .argument('[FILE...]', "inputs; '-' or none: standard input")
    .addHelpText('after', MAP_NOTES);
  const add = (/** @type {Option} */ option, /** @type {string[]} */ ...others) =>
    map.addOption(option.conflicts(others));
  add(new Option('--files', 'each FILE is an item'), 'lines', 'json', 'paths');
  add(new Option('--paths', 'each FILE is an item: its path alone'), 'files', 'lines', 'json');
  add(new Option('--lines', 'each line is an item'), 'files', 'json', 'filesFrom');
  add(new Option('--json', 'each line is a JSON value, an item (default)'), 'filesFrom');
  add(new Option('--keep-order', 'a line for failed items too, in input order'), 'unordered');
  add(new Option('-e, --eval <CODE>', 'the handler itself: a function'), 'wasm');
  add(new Option('--init-data <JSON>', 'what the handlers find in context.initData').argParser(json));
  return map
    .option('--files-from <LIST>', 'like --files (or --paths), but LIST has the names, one a line')
    .option('-0, --null', 'the names in LIST end in NUL, not in line ends')
    .option('--wasm <FILE>', 'module built by emcc, whose C tasks are added to the handlers')
    .option('-j, --workers <N>', 'workers (default: one per processor)', integer(1))
    .option('--timeout <MS>', 'an item that runs longer is killed and reported', integer(1))
    .option('--retries <N>', 'run a failed item again, up to N times', integer(0))
    .option('--batch <N>', 'items that travel together (default: by how long they take)', integer(1))
    .option('--unordered', 'results as they come')
    .option('--fail-fast', 'start no further item after the first failure')
    .option('-o, --output <FILE>', 'write results to FILE')
    .option('--errors <FILE>', 'write failed items to FILE, one JSON line each')
    .option('--resume <LOG>', 'skip items that LOG has as done, and go on with LOG')
    .option('--verbose', 'name and stack of what failed, on stderr')
    .option('--progress', 'show progress on stderr (default: if it is a terminal)')
    .option('--no-progress', 'never show it')
    .option('--stats', 'print figures to stderr at the end');
}

const SERVE_NOTES = `
The handler gets (request, context), where request is a Request of the Fetch API, and returns a
Response, { status, headers, body } or a string; bodies may be streams. It runs in a worker, one
request at a time on each. A request over --timeout is answered 503 and its handler is stopped,
with its thread if need be; other requests go on. A handler that fails is answered 500; what
failed is named on stderr. --concurrency N is for handlers that mostly wait: then one that hangs
takes the others on its worker with it.

SIGINT and SIGTERM end the program when it has answered what it has; a second one ends it at once.`;

/** @param {Command} wasmpool */
function addServe(wasmpool) {
  return wasmpool
    .command('serve')
    .summary('an HTTP server over all processors, whose requests can be killed')
    .description('Serves HTTP over all processors; a request that hangs is answered 503 and dies alone.')
    .argument('<MODULE#EXPORT>', 'the handler of requests')
    .requiredOption('--port <N>', 'port; 0: a free one', integer(0))
    .option('--host <HOST>', 'address to listen on', '127.0.0.1')
    .option('-j, --workers <N>', 'workers (default: one per processor)', integer(1))
    .option('--timeout <MS>', 'a request that runs longer is answered 503 and killed', integer(1))
    .option('--max-body <BYTES>', 'a longer body is answered 413 (default: 1 MiB)', integer(0))
    .option('--concurrency <N>', 'requests at a time on each worker (default: 1)', integer(1))
    .addOption(new Option('--init-data <JSON>', 'what handlers find in context.initData').argParser(json))
    .addHelpText('after', SERVE_NOTES);
}

/** @param {Command} wasmpool */
function addTop(wasmpool) {
  return wasmpool
    .command('top')
    .summary("a live view of a process's pools")
    .description('Shows what the pools of a process are doing. The process must have been started with WASMPOOL_TOP=1.')
    .argument('[PID]', 'the process (default: the only one that can be looked at)', integer(1))
    .option('--interval <MS>', 'time between two looks', integer(50), 1000)
    .option('--once', 'one picture, and the end')
    .option('--json', 'every look as a line of JSON')
    .addHelpText(
      'after',
      '\nEnds with q, Ctrl-C, or the process. Only the user who started the process can look at it.',
    );
}

const INSTRUMENT_NOTES = `
Whatever the module runs then traps once the word at ADDRESS of its first memory is not 0: at the
next loop or call, in any engine, and its thread lives on. Another thread sets the word, so the
memory is made a shared one. ADDRESS is a multiple of 4 in the memory as it is at the start, and
nothing else may use its eight bytes: the default is free in programs that LLVM linked. Data there
is noticed and refused; a stack or a heap is not. Modules of C tasks need none of this: createPool()
does it when it loads them. With --thread it is a module of the core's host build (docs/host-abi.md),
and only the task that has to end traps.`;

/** @param {Command} wasmpool */
function addInstrument(wasmpool) {
  return wasmpool
    .command('instrument')
    .summary('put kill checks into the loops of a wasm module')
    .description('Puts kill checks into the loops of a wasm module, and into functions that call.')
    .argument('<IN.wasm>', 'the linked module')
    .requiredOption('-o, --output <OUT.wasm>', 'where the module with checks goes')
    .addOption(
      new Option('--for <ENGINE>', 'what it will run on')
        .choices(['v8', 'jsc', 'spidermonkey', 'cranelift', 'generic'])
        .default('generic'),
    )
    .option('--flag <ADDRESS>', 'address of the word (default: 16)', integer(0))
    .option('--thread', 'checks for a module that is linked with the core, for hosts other than JavaScript')
    .option('--no-loops', 'leave the loops as they are: with --stack, stack checks only')
    .option('--stack', 'stack checks as well: a task that uses up its stack traps')
    .addHelpText('after', INSTRUMENT_NOTES);
}

/** @param {Command} wasmpool */
function addBench(wasmpool) {
  return wasmpool
    .command('bench')
    .summary('measure this machine')
    .description(
      'Measures this machine: round trip, throughput, kill and recover, beside bare threads; about ten seconds.',
    )
    .option('-j, --workers <N>', 'workers (default: one per processor, at most 8)', integer(1))
    .option('--json', 'as one JSON object');
}

/** @param {Command} wasmpool */
function addInfo(wasmpool) {
  return wasmpool
    .command('info')
    .description('Prints runtime, capabilities and versions.')
    .option('--json', 'as one JSON object');
}

/**
 * @param {number} least
 * @returns {(text: string) => number} an option's parser
 */
function integer(least) {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value;
    throw new InvalidArgumentError(`It is not a whole number from ${least} on.`);
  };
}

/** @param {string} text */
function json(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new InvalidArgumentError('It is not JSON.');
  }
}

/**
 * The Io of this process.
 * @param {Partial<Io>} given  members that are replaced anyway
 * @returns {Io}
 */
function processIo(given) {
  const { stdin, stdout, stderr } = process;
  if (!given.stdout) {
    // Results alone go to standard output: what handlers print is piped there by the runtime, which asks for
    // process.stdout when it starts a worker.
    Object.defineProperty(process, 'stdout', { value: stderr, configurable: true });
    stderr.on('error', () => {}); // stderr was closed: no reason to stop
  }
  return {
    stdin,
    stdout,
    stderr,
    signals: process,
    terminal: process.env.TERM,
    exit: (status) => process.exit(status),
    createPool: async (options) => {
      const { createPool } = await import('../index.js');
      return /** @type {any} */ (createPool(options));
    },
  };
}
