/**
 * Object.prototype with properties that somebody else added: a pool, its workers and its tasks work as without them. The names are
 * those of options, of what goes to the host and to the glue, and of messages between the pool's parts.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const PROGRAM = fileURLToPath(new URL('./fixtures/polluted.js', import.meta.url));

const NAMES = {
  'options of pools': `aging argv backend boxes concurrentTasksPerWorker dev dispatchBudgetMs env execArgv initData isolated isolation
    leaseMs liveness loopChecks main maxHeapBytes maxQueue maxSliceItems maxTaskBytes maxTasksPerWorker memory module name onTaskError
    onWorkerError readyTimeoutMs recycleTimeoutMs resourceLimits resources restart scheduler slowMs spares stderr stdout taskTimeoutMs
    telemetry topology unref wasm wasmUrl workerData workerUrl workers`,
  'options in options': `all clearTimeout count heavySkips jitter lowSkips max maxMs maxRedeliveries maximum minMs now policy ring scanMs
    setTimeout size thresholds tickMs timeoutMs windowMs`,
  'options of tasks': `alone batchSize cancelGraceMs deadlineMs deliver maxWaitMs onItems onLost onProgress payload priority settle
    shardKey sharedArgs signal sticky task transfer weight worker`,
  'what the host reads': `address argv buffer builtins cachedData code codeRangeSizeMb credentials encoding env eval execArgv filename highWaterMark
    importModuleDynamically importedStringConstants index initial maxOldGenerationSizeMb maxYoungGenerationSizeMb maximum name objectMode pure resourceLimits
    shared stackSizeMb stderr stdin stdout trackUnmanagedFds transferList type workerData`,
  'what the glue reads': `INITIAL_MEMORY arguments dynCall instantiateWasm locateFile monitorRunDependencies noInitialRun onAbort onExit
    onRuntimeInitialized postRun preInit preRun print printErr quit setStatus thisProgram wasmBinary wasmMemory wasmModule`,
  'what descriptors of properties and errors have': `cause configurable enumerable errors get props set value writable`,
  'what parts of the pool tell each other': `argument batch block boxed byteLength call cancelled captured cause channel chunk code core dueMs
    engine error events extra failed flags flow forC generation group handlers host isJob item items kind lane listed lookMs member
    message more observer options output names own pool port rare reason routine seat sent serial settled shared silent sink slot spec state
    status stream swept taken taskId task thread threadId timed unbounded view wantsCode where writes`,
};
/** The program makes a function of the last one. */
const VALUES = [1, 'polluted', { POLLUTION_TEST: 'changed' }, '() => 0'];
/** Names with which Node can still import modules; with others that it reads itself it cannot. */
const BEFORE_IMPORT = ['options in options', 'what descriptors of properties and errors have'];

/** The program's findings while Object.prototype has these names. */
async function find(names, value, where) {
  const args = [PROGRAM, ...[names, value, where].map((argument) => JSON.stringify(argument))];
  const env = { ...process.env, POLLUTION_TEST: 'as it was' };
  try {
    const { stdout } = await promisify(execFile)(process.execPath, args, { env, timeout: 120_000 });
    return JSON.parse(stdout.slice(stdout.lastIndexOf('\n{')));
  } catch (error) {
    return { failed: String(error.stderr || error.stack) };
  }
}

/** Those of the names that make a difference alone; all if none does. */
async function culprits(names, value, where, expected) {
  const found = [];
  for (const name of names) {
    const seen = JSON.stringify(await find([name], value, where));
    if (seen !== JSON.stringify(expected)) found.push([name, seen]);
  }
  return found.length > 0 ? found : [names];
}

for (const [group, text] of Object.entries(NAMES)) {
  for (const where of ['main', 'workers', 'main before the import']) {
    if (where === 'main before the import' && !BEFORE_IMPORT.includes(group)) continue;
    test(`Object.prototype of ${where} has names of ${group}: nothing changes`, async () => {
      const names = text.split(/\s+/);
      const expected = await find([], 0, where);
      assert.equal(expected.surroundings?.[0].env, 'as it was', expected.failed);
      for (const value of VALUES) {
        const found = await find(names, value, where);
        if (JSON.stringify(found) === JSON.stringify(expected)) continue;
        const who = await culprits(names, value, where, expected);
        assert.deepEqual(found, expected, `with ${JSON.stringify(value)}: ${who}`);
      }
    });
  }
}
