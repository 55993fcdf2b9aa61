/** Traces and samples of a core whose only worker is played by the test, for what no real worker shows reliably. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { FleetCore } from '../../js/threads/fleet-core.js';
import * as L from '../../js/generated/layout.js';
import { STATUS } from '../../js/generated/status.js';
import { instantiate, loadProgram } from '../../js/core/load.js';
import { openCore } from '../../js/threads/open.js';
import { resolveOptions } from '../../js/options/options.js';
import { Load, Telemetry } from '../../js/telemetry/telemetry.js';
import { Recorder } from '../../js/telemetry/trace.js';
import { Traces } from '../../js/telemetry/traces.js';
import { MODULE } from './helpers.js';

const given = { module: MODULE, workers: 2, memory: { maximum: '32mb' } };

/** A core without threads: one slot, one thread record on seat 1, and a clock. @param {import('node:test').TestContext} t */
async function makeEngine(t) {
  const options = resolveOptions(given);
  const { exports, memory } = await instantiate(
    await loadProgram(options.wasm, { checked: false }),
    options.memoryBytes,
  );
  t.after(() => exports._wp_js_close());
  const core = openCore(options, exports, memory);
  const fleet = new FleetCore(core, options, false);
  fleet.step(1, 1, { kind: L.FLEET_OPEN });
  const { thread: number, incarnation, seat } = fleet.action(1);
  assert.equal(seat, 1);
  exports._wp_worker_ready(core.pool, number);
  fleet.step(1, 1, { kind: L.FLEET_STARTED, thread: number, incarnation });
  fleet.step(1, 1, undefined); // seated
  const index = core.index(exports._wp_js_task_reserve(core.pool));
  const slot = core.slots.record(index);
  const { u32, i32, f64 } = core.memory;
  const clock = { now: () => engine.ms, poolNow: () => engine.ms };
  const engine = {
    ms: 1000,
    core,
    slot,
    thread: number,
    ledger: { observer: /** @type {any} */ (undefined) },
    fleet: { suspicions: { interventions: 0 }, members: new Map(), extent: 2 },
    options: { ...options, scheduler: clock },
    task: () => /** @type {any} */ ({ id: 'task-1', index, generation: core.generation(slot) }),
    /** What its worker reports: when the task started, and how long it ran. */
    run: (/** @type {number} */ startedMs, /** @type {number} */ ranUs, state = L.SLOT_RUNNING) => {
      u32[slot >>> 2] = ((u32[slot >>> 2] & ~0xff) | state) >>> 0;
      u32[(slot + L.SLOT_OWNER) >>> 2] = number;
      f64[(slot + L.SLOT_STARTED_MS) >>> 3] = startedMs;
      u32[(slot + L.SLOT_RAN_US) >>> 2] = ranUs;
      i32[(slot + L.SLOT_STATUS) >>> 2] = STATUS.OK;
    },
  };
  return engine;
}

/** The task's runs, in whole milliseconds of the clock: [start, end, status]. */
const runsOf = (/** @type {Recorder} */ trace) =>
  trace
    .toJSON()
    .traceEvents.filter(({ ph }) => ph === 'X')
    .map(({ ts, dur, args }) => [Number(ts) / 1000, (Number(ts) + Number(dur)) / 1000, args?.status]);

test('a run lies between its task’s queue and its end, however far apart the threads’ clocks are; and it has a length', async (t) => {
  for (const [startedMs, ranUs, expected] of [
    [1010, 5000, [1010, 1015, 'OK']],
    [990, 15_000, [1000, 1005, 'OK']],
    [1018, 5000, [1018, 1020, 'OK']],
    [1025, 5000, [1020, 1020.001, 'OK']],
    [1010, 0.5, [1010, 1010.001, 'OK']],
  ]) {
    const engine = await makeEngine(t);
    const [trace, task] = [new Recorder(engine.core, engine.options), engine.task()];
    trace.queued(task, 'echo', 0);
    engine.ms = 1020;
    engine.run(Number(startedMs), Math.max(1, Number(ranUs)));
    trace.ran(task, engine.slot);
    assert.deepEqual(runsOf(trace), [expected]);
    const committed = trace.toJSON().traceEvents.find(({ name }) => name === 'committed');
    assert.ok(Number(committed?.ts) <= 1020 * 1000);
    assert.deepEqual(
      trace
        .toJSON()
        .traceEvents.filter(({ ph }) => ph === 'X')
        .map(({ tid }) => tid),
      [2],
    );
  }
});

test('a task that never started has no run; nor has one that was queued before the trace', async (t) => {
  const engine = await makeEngine(t);
  const [trace, task] = [new Recorder(engine.core, engine.options), engine.task()];
  trace.queued(task, 'echo', 0);
  engine.run(0, 0);
  trace.ran(task, engine.slot, 'CANCELLED');
  trace.ran(task, engine.slot);
  engine.run(1000, 10);
  trace.ran(engine.task(), engine.slot);
  trace.settled(engine.task(), undefined);
  assert.deepEqual(
    trace.toJSON().traceEvents.filter(({ ph }) => ph !== 'M').map(({ ph }) => ph), // prettier-ignore
    ['b'],
  );
});

test('a run that was lost ends when that was known, not when its task does', async (t) => {
  const engine = await makeEngine(t);
  const [trace, task] = [new Recorder(engine.core, engine.options), engine.task()];
  trace.queued(task, 'echo', 0);
  engine.run(1000, 0);
  engine.ms = 1010;
  trace.down(/** @type {any} */ ({ number: engine.thread, seat: 1, name: 'Worker_2' }), new Error('dead'));
  engine.ms = 1020;
  trace.ran(task, engine.slot);
  trace.settled(task, undefined);
  assert.deepEqual(runsOf(trace), [[1000, 1010, 'WORKER_LOST']]);
  const { traceEvents } = trace.toJSON();
  assert.deepEqual(
    traceEvents.filter(({ name }) => name === 'worker down').map(({ tid }) => tid),
    [2],
  );
  assert.deepEqual(
    traceEvents.filter(({ ph }) => ph === 'M').map(({ tid, args }) => [tid, args?.name]),
    [0, 1, 2].map((tid) => [tid, tid ? `Worker_${tid}` : 'main']),
  );
});

test('only what the lost thread runs is lost with it', async (t) => {
  const lose = async (/** @type {object} */ how, state = L.SLOT_RUNNING, otherThread = 0) => {
    const engine = await makeEngine(t);
    const [trace, task] = [new Recorder(engine.core, engine.options), engine.task()];
    trace.queued(task, 'echo', 0);
    Object.assign(task, how);
    engine.run(1000, 0, state);
    trace.interrupted(engine.thread + otherThread);
    return runsOf(trace).length;
  };
  assert.equal(await lose({}), 1);
  assert.equal(await lose({ generation: 99 }), 0, 'the slot is another’s by now');
  assert.equal(await lose({ index: -1 }), 0, 'it has no slot');
  assert.equal(await lose({}, 5), 0, 'it does not run any more');
  assert.equal(await lose({}, L.SLOT_RUNNING, 1), 0, 'another thread');
});

test('a task that has settled is lost with nobody', async (t) => {
  const engine = await makeEngine(t);
  const [trace, task] = [new Recorder(engine.core, engine.options), engine.task()];
  trace.queued(task, 'spin', 0);
  engine.run(1000, 0);
  engine.ms = 1010;
  trace.ran(task, engine.slot, 'TIMEOUT');
  trace.settled(task, /** @type {any} */ ({ code: 'TIMEOUT' }));
  engine.ms = 1020;
  trace.interrupted(engine.thread);
  assert.deepEqual(runsOf(trace), [[1000, 1010, 'TIMEOUT']]);
});

test('all traces see everything, and nobody looks when none is left', async (t) => {
  const engine = await makeEngine(t);
  const traces = new Traces();
  assert.throws(() => traces.start(undefined), { code: 'UNSUPPORTED' });
  traces.open(engine);
  assert.equal(engine.ledger.observer, undefined);
  const both = [traces.start(engine), traces.start(engine)];
  const task = engine.task();
  engine.run(1000, 0);
  const { observer } = engine.ledger;
  observer.held(task, 'echo');
  observer.queued(task, 'echo', 0);
  observer.interrupted(engine.thread);
  observer.down({ number: engine.thread, seat: 0, name: 'Worker_1' }, new Error('dead'));
  observer.ran(task, engine.slot, 'CANCELLED');
  observer.settled(task, undefined);
  both[0].stop();
  assert.ok(engine.ledger.observer instanceof Recorder, 'the one that is left observes by itself');
  const [a, b] = [both[0].toJSON(), both[1].stop()];
  assert.deepEqual(a, b);
  assert.deepEqual(
    b.traceEvents.filter(({ ph }) => ph !== 'M').map(({ ph, name }) => (ph === 'n' ? name : ph)),
    ['b', 'queued', 'taken', 'X', 'i', 'e'],
  );
  assert.equal(engine.ledger.observer, undefined);
});

// ---- Samples ----

/** @param {import('node:test').TestContext} t @param {object} [thresholds] */
async function makeTelemetry(t, thresholds = {}) {
  const engine = await makeEngine(t);
  const buffers = /** @type {any} */ ({ gauge: { free: 15, capacity: 16 } });
  const telemetry = new Telemetry(engine.core, engine.fleet, buffers, engine.options, {
    ring: 10,
    tickMs: 16,
    thresholds,
  });
  return { engine, telemetry, report: () => /** @type {any} */ (telemetry.report()) };
}

test('interventions are told once, in the sample after them; what main holds back counts as waiting [TW-48]', async (t) => {
  const { engine, telemetry, report } = await makeTelemetry(t);
  const values = () => {
    const { Workers, Queues } = report();
    return [Workers.WatchdogInterventions.Value, Queues.Light.Value, Queues.Heavy.Value];
  };
  engine.fleet.suspicions.interventions = 2;
  telemetry.sample(1, 2);
  assert.deepEqual(values(), [2, 1, 2]);
  telemetry.sample(0, 0);
  assert.deepEqual(values(), [2, 1, 2]);
  engine.fleet.suspicions.interventions = 5;
  telemetry.sample(0, 3);
  assert.deepEqual(values(), [5, 1, 3]);
});

test('gauges show the tables that they are named after, and means the worker of that index [TW-45, TW-46]', async (t) => {
  const { engine, telemetry, report } = await makeTelemetry(t);
  const { core } = engine;
  core.index(core.exports._wp_js_group_create(core.pool, 2, 0)); // the table grows for the first one
  core.index(core.exports._wp_js_group_create(core.pool, 2, 0));
  const { index } = engine.task();
  core.exports._wp_task_submit(core.pool, index);
  assert.equal(core.exports._wp_sched_take(core.pool, engine.thread, 1000), index + 1);
  core.exports._wp_task_finish_at(core.pool, engine.thread, index, STATUS.OK, 3000);
  engine.ms = 7000;
  telemetry.sample(0, 0);
  const { Pools, Workers, FrameGovernor, WindowSec, SampleCount, Timestamp } = report();
  const used = ({ Value, Capacity }) => Capacity - Value;
  assert.deepEqual(
    [Pools.Node, Pools.SingleJob, Pools.BulkBatch, Pools.BulkEntry, Pools.ResultBuffer].map(used),
    [1, 1, 1, 2, 1],
  );
  assert.equal(Pools.ResultBuffer.Capacity, 16);
  assert.ok(Pools.Node.Capacity > 16 && Pools.BulkEntry.Capacity > 2);
  const [other, own] = Workers.AvgExecTime.map(({ Value }) => Value);
  assert.deepEqual([other, own > 0], [0, true], 'seconds of the worker that ran a task');
  assert.deepEqual([Workers.Total, Workers.Free, Workers.Busy], [2, 1, 1], 'nobody serves the first seat');
  assert.equal(FrameGovernor.BudgetMs.Value, 8);
  assert.deepEqual([WindowSec, SampleCount, Timestamp], [6, 1, 7]);
});

test('the worst metric of a group is its colour, and the worst group that of the whole [TW-52]', async (t) => {
  const colours = async (
    /** @type {number} */ light,
    /** @type {number} */ heavy,
    /** @type {number} */ interventions,
  ) => {
    const { engine, telemetry, report } = await makeTelemetry(t, { depth: [1, 3], interventions: [1, 3] });
    engine.fleet.suspicions.interventions = interventions;
    telemetry.sample(light, heavy);
    const { Pools, Queues, Workers, Overall } = report();
    return [Pools.Status, Queues.Status, Workers.Status, Overall];
  };
  assert.deepEqual(await colours(0, 0, 0), ['Green', 'Green', 'Green', 'Green']);
  assert.deepEqual(await colours(1, 0, 0), ['Green', 'Yellow', 'Green', 'Yellow']);
  assert.deepEqual(await colours(1, 3, 0), ['Green', 'Red', 'Green', 'Red']);
  assert.deepEqual(await colours(0, 0, 2), ['Green', 'Green', 'Yellow', 'Yellow']);
  assert.deepEqual(await colours(0, 2, 3), ['Green', 'Yellow', 'Red', 'Red']);
});

test('each second stands for itself; what is early does not make up for what is late [TW-64]', async (t) => {
  const engine = await makeEngine(t);
  const members = new Map([[engine.thread, { number: engine.thread, seat: 1, state: 'live' }]]);
  const now = () => engine.ms;
  const load = new Load(engine.core, /** @type {any} */ ({ members, extent: 2 }), { now, tickMs: 10 });
  const running = (engine.core.thread(engine.thread) + L.THREAD_RUNNING) >>> 2;
  const pass = (/** @type {number[]} */ ...steps) => {
    for (const ms of steps) {
      engine.ms += ms;
      load.sample();
    }
  };
  const times = (/** @type {number} */ count, /** @type {number[]} */ ...steps) =>
    Array.from({ length: count }, () => steps).flat();
  engine.core.memory.u32[running] = 3;
  pass(...times(50, 5, 15)); // sometimes early, sometimes late
  assert.deepEqual([load.latest.mainThread, load.latest.workers], [25, [0, 100]]);
  const { latest } = load;
  pass(...times(99, 10));
  assert.equal(load.latest, latest, 'until the second is over');
  engine.core.memory.u32[running] = 0;
  pass(10);
  assert.deepEqual([load.latest.mainThread, load.latest.workers], [0, [0, 99]]);
  engine.core.memory.u32[running] = 1;
  const member = /** @type {any} */ (members.get(engine.thread));
  pass(...times(50, 10));
  member.state = 'dying';
  pass(...times(50, 10));
  assert.deepEqual(load.latest.workers, [0, 50]);
  member.seat = undefined; // a spare
  member.state = 'live';
  pass(...times(100, 10));
  assert.deepEqual(load.latest.workers, [0, 0]);
});
