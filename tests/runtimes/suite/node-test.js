/**
 * The part of `node:test` that the tests in tests/js use, for runtimes that do not have it, or not as Node has it: the tests of a file run one
 * after the other, and each result is reported.
 */

/** @type {{ name: string, options: any, run: (context: any) => any, scope: Scope }[]} */
const tests = [];

/** A group of tests. */
class Scope {
  /** @type {(() => any)[]} */
  before = [];
  /** @type {(() => any)[]} */
  after = [];
  /** Tests that have not ended yet. */
  left = 0;
  isOpen = false;

  /** @param {string} prefix of its tests' names @param {Scope} [outer] */
  constructor(prefix, outer) {
    this.prefix = prefix;
    this.outer = outer;
  }

  async enter() {
    await this.outer?.enter();
    if (this.isOpen) return;
    this.isOpen = true;
    for (const run of this.before) await run();
  }

  async leave() {
    if (--this.left === 0) for (const run of this.after) await run();
    await this.outer?.leave();
  }
}

let scope = new Scope('');

/**
 * @param {string} name
 * @param {any} options or `run`
 * @param {(context: any) => any} [run]
 */
export function test(name, options, run) {
  const given = run ? options : {};
  tests.push({ name: scope.prefix + name, options: given, run: run ?? options, scope });
  for (let one = /** @type {Scope | undefined} */ (scope); one; one = one.outer) one.left++;
}
export default test;
export { test as it };

/** @param {string} name @param {() => void} define */
export function describe(name, define) {
  const outer = scope;
  scope = new Scope(`${outer.prefix}${name} > `, outer);
  define();
  scope = outer;
}
export const before = (/** @type {() => any} */ run) => void scope.before.push(run);
export const after = (/** @type {() => any} */ run) => void scope.after.push(run);
test.before = before;
test.after = after;

/** Replaces methods by ones that count their calls. */
class Mock {
  /** @type {(() => void)[]} */
  #restores = [];

  /** @param {any} object @param {string} name @param {Function} [instead] */
  method(object, name, instead = object[name]) {
    const before = Object.getOwnPropertyDescriptor(object, name);
    /** @type {{ arguments: any[], this: any, result?: any, error?: any }[]} */
    const calls = [];
    const restore = () => {
      if (before) Object.defineProperty(object, name, before);
      else delete object[name];
    };
    /** @this {any} @param {...any} values */
    function replacement(...values) {
      const call = { arguments: values, this: this, result: undefined, error: undefined };
      calls.push(call);
      try {
        return (call.result = new.target ? Reflect.construct(instead, values) : instead.apply(this, values));
      } catch (error) {
        call.error = error;
        throw error;
      }
    }
    replacement.mock = { calls, callCount: () => calls.length, restore };
    Object.defineProperty(object, name, { value: replacement, configurable: true, writable: true });
    this.#restores.push(restore);
    return replacement;
  }

  restoreAll() {
    for (const restore of this.#restores.splice(0).reverse()) restore();
  }
}
export const mock = new Mock();

/** What a test is given. */
class Context {
  /** @type {(() => any)[]} */
  afters = [];
  mock = new Mock();
  /** @type {string | undefined} */
  skipped;

  /** @param {string} name */
  constructor(name) {
    this.name = name;
  }
  after(/** @type {() => any} */ run) {
    this.afters.push(run);
  }
  skip(/** @type {string} */ reason = 'skipped') {
    this.skipped = reason;
  }
  diagnostic() {}
}

/** What nobody caught while a test ran. @type {unknown[]} */
const uncaught = [];
/** @param {unknown} error */
export const notCaught = (error) => void uncaught.push(error);

/** Longer than any test takes on any runtime. */
const LIMIT_MS = 100_000;
/** The runtime's own: tests replace the global ones. */
const { setTimeout, clearTimeout } = globalThis;

/** @param {Promise<unknown>} promise */
async function inTime(promise) {
  /** @type {any} */
  let timer;
  const late = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`it takes longer than ${LIMIT_MS} ms`)), LIMIT_MS);
  });
  try {
    await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Runs the tests that were defined so far.
 * @param {(report: object) => void} report
 * @param {(name: string) => string | undefined} lacks what the runtime lacks for a test; such a test does not run
 */
export async function runTests(report, lacks) {
  for (const { name, options, run, scope: own } of tests) {
    const lacking = lacks(name);
    const skipped = lacking ?? (options.skip && String(options.skip));
    const context = new Context(name);
    /** @type {unknown} */
    let failure;
    const begin = performance.now();
    try {
      if (!skipped) {
        report({ begins: name });
        await own.enter();
        await inTime((async () => run(context))());
      }
    } catch (error) {
      failure = error ?? 'undefined was thrown';
    }
    context.mock.restoreAll();
    for (const end of context.afters) await inTime((async () => end())()).catch((error) => (failure ??= error));
    if (skipped) own.leave();
    else await own.leave();
    failure ??= uncaught.shift();
    uncaught.length = 0;
    const reason = skipped ?? context.skipped;
    const detail = failure ? String(/** @type {any} */ (failure)?.stack ?? failure) : reason;
    const result = failure ? 'failed' : lacking ? 'lacking' : reason ? 'skipped' : 'passed';
    report({ name, result, detail, ms: Math.round(performance.now() - begin) });
  }
}
