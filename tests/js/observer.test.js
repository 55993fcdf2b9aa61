/** Traces and samples over an engine that is not there: what no real pool shows for certain. */
import assert from 'node:assert/strict';
import test from 'node:test';
import * as L from '../../js/generated/layout.js';
import { STATUS } from '../../js/generated/status.js';
import { Load, Telemetry } from '../../js/telemetry.js';
import { Trace } from '../../js/trace.js';
import { Traces } from '../../js/traces.js';

const SLOT = 1024;
const THREAD = 4096;

/** One slot, one thread on seat 1, and a clock. */
function makeEngine() {
  const buffer = new ArrayBuffer(8192);
  const [u32, i32, f64] = [new Uint32Array(buffer), new Int32Array(buffer), new Float64Array(buffer)];
  const load = (/** @type {number} */ at) => u32[at >>> 2];
  const engine = {
    ms: 1000,
    ledger: { observer: /** @type {any} */ (undefined) },
    options: { scheduler: { now: () => engine.ms, poolNow: () => engine.ms }, workers: 2 },
    core: {
      memory: { u32, i32, f64 },
      load,
      generation: () => 7,
      thread: (/** @type {number} */ number) => THREAD + number * L.THREAD_SIZE,
      slots: {
        record: (/** @type {number} */ index) => {
          assert.equal(index, 0);
          return SLOT;
        },
      },
    },
    /** What its worker says: when it started, and for how long it ran. */
    run: (/** @type {number} */ startedMs, /** @type {number} */ ranUs, state = L.SLOT_RUNNING) => {
      u32[SLOT >>> 2] = state;
      u32[(SLOT + L.SLOT_OWNER) >>> 2] = 1;
      u32[(engine.core.thread(1) + L.THREAD_SEAT) >>> 2] = 2;
      f64[(SLOT + L.SLOT_STARTED_MS) >>> 3] = startedMs;
      u32[(SLOT + L.SLOT_RAN_US) >>> 2] = ranUs;
      i32[(SLOT + L.SLOT_STATUS) >>> 2] = STATUS.OK;
    },
  };
  return engine;
}

const makeTask = () => /** @type {any} */ ({ id: 'task-1', index: 0, generation: 7 });

/** The task's runs, in whole milliseconds of the clock: [start, end, status]. */
const runsOf = (/** @type {Trace} */ trace) =>
  trace
    .toJSON()
    .traceEvents.filter(({ ph }) => ph === 'X')
    .map(({ ts, dur, args }) => [Number(ts) / 1000, (Number(ts) + Number(dur)) / 1000, args?.status]);

test('a run lies between its task’s queue and its end, however far apart the threads’ clocks are; and it has a length', () => {
  for (const [startedMs, ranUs, expected] of [
    [1010, 5000, [1010, 1015, 'OK']],
    [990, 15_000, [1000, 1005, 'OK']],
    [1018, 5000, [1018, 1020, 'OK']],
    [1025, 5000, [1020, 1020.001, 'OK']],
    [1010, 0.5, [1010, 1010.001, 'OK']],
  ]) {
    const engine = makeEngine();
    const [trace, task] = [new Trace(/** @type {any} */ (engine), () => {}), makeTask()];
    trace.queued(task, 'echo', 0);
    engine.ms = 1020;
    engine.run(Number(startedMs), Math.max(1, Number(ranUs)));
    trace.ran(task, SLOT);
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

test('a task that never started has no run; nor has one that was queued before the trace', () => {
  const engine = makeEngine();
  const [trace, task] = [new Trace(/** @type {any} */ (engine), () => {}), makeTask()];
  trace.queued(task, 'echo', 0);
  engine.run(0, 0);
  trace.ran(task, SLOT, 'CANCELLED');
  trace.ran(task, SLOT);
  engine.run(1000, 10);
  trace.ran(makeTask(), SLOT);
  trace.settled(makeTask(), undefined);
  assert.deepEqual(
    trace.toJSON().traceEvents.filter(({ ph }) => ph !== 'M').map(({ ph }) => ph), // prettier-ignore
    ['b'],
  );
});

test('a run that was lost ends when that was known, not when its task does', () => {
  const engine = makeEngine();
  const [trace, task] = [new Trace(/** @type {any} */ (engine), () => {}), makeTask()];
  trace.queued(task, 'echo', 0);
  engine.run(1000, 0);
  engine.ms = 1010;
  trace.down(/** @type {any} */ ({ number: 1, seat: 1, name: 'Worker_2' }), new Error('dead'));
  engine.ms = 1020;
  trace.ran(task, SLOT);
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

test('only what the lost thread runs is lost with it', () => {
  const lose = (/** @type {Partial<import('../../js/task.js').Task>} */ how, state = L.SLOT_RUNNING, thread = 1) => {
    const engine = makeEngine();
    const [trace, task] = [new Trace(/** @type {any} */ (engine), () => {}), makeTask()];
    trace.queued(task, 'echo', 0);
    Object.assign(task, how);
    engine.run(1000, 0, state);
    trace.interrupted(thread);
    return runsOf(trace).length;
  };
  assert.equal(lose({}), 1);
  assert.equal(lose({ generation: 6 }), 0, 'the slot is another’s by now');
  assert.equal(lose({ index: -1 }), 0, 'it has no slot');
  assert.equal(lose({}, 5), 0, 'it does not run any more');
  assert.equal(lose({}, L.SLOT_RUNNING, 2), 0, 'another thread');
});

test('a task that has settled is lost with nobody', () => {
  const engine = makeEngine();
  const [trace, task] = [new Trace(/** @type {any} */ (engine), () => {}), makeTask()];
  trace.queued(task, 'spin', 0);
  engine.run(1000, 0);
  engine.ms = 1010;
  trace.ran(task, SLOT, 'TIMEOUT');
  trace.settled(task, /** @type {any} */ ({ code: 'TIMEOUT' }));
  engine.ms = 1020;
  trace.interrupted(1);
  assert.deepEqual(runsOf(trace), [[1000, 1010, 'TIMEOUT']]);
});

test('all traces see everything, and nobody looks when none is left', () => {
  const engine = makeEngine();
  const traces = new Traces();
  assert.throws(() => traces.start(undefined), { code: 'UNSUPPORTED' });
  traces.open(/** @type {any} */ (engine));
  assert.equal(engine.ledger.observer, undefined);
  const both = [traces.start(/** @type {any} */ (engine)), traces.start(/** @type {any} */ (engine))];
  const task = makeTask();
  engine.run(1000, 0);
  const { observer } = engine.ledger;
  observer.held(task, 'echo');
  observer.queued(task, 'echo', 0);
  observer.interrupted(1);
  observer.down({ number: 1, seat: 0, name: 'Worker_1' }, new Error('dead'));
  observer.ran(task, SLOT, 'CANCELLED');
  observer.settled(task, undefined);
  both[0].stop();
  assert.equal(engine.ledger.observer, both[1]);
  const [a, b] = [both[0].toJSON(), both[1].stop()];
  assert.deepEqual(a, b);
  assert.deepEqual(
    b.traceEvents.filter(({ ph }) => ph !== 'M').map(({ ph, name }) => (ph === 'n' ? name : ph)),
    ['b', 'queued', 'taken', 'X', 'i', 'e'],
  );
  assert.equal(engine.ledger.observer, undefined);
});

// ---- Samples ----

/** Telemetry over a core that takes down what it is told, and tells what `health` writes. */
function makeTelemetry(health = (/** @type {number} */ _at, /** @type {any} */ _memory) => {}) {
  /** @type {number[][]} */
  const samples = [];
  const engine = makeEngine();
  const exports = {
    _wp_telemetry_open: () => 0,
    _wp_telemetry_thresholds: () => 0,
    _wp_telemetry_sample: (/** @type {number[]} */ ...values) => samples.push(values.slice(1)),
    _wp_telemetry_report: (/** @type {number} */ _pool, /** @type {number} */ _now, /** @type {number} */ at) => {
      health(at, engine.core.memory);
      return 1;
    },
    _malloc: () => 16,
  };
  const fleet = { interventions: 2, members: new Map() };
  const given = { ...engine, fleet, core: { ...engine.core, exports, check: () => {}, pool: 0 } };
  const buffers = /** @type {any} */ ({ gauge: { free: 15, capacity: 16 } });
  const telemetry = new Telemetry(/** @type {any} */ (given), buffers, { ring: 1, tickMs: 16, thresholds: {} });
  return { telemetry, samples, fleet };
}

test('TW-48: interventions are told once, in the sample after them; what is lent and what is held back, as it is', () => {
  const { telemetry, samples, fleet } = makeTelemetry();
  telemetry.sample(1, 2);
  telemetry.sample(0, 0);
  fleet.interventions = 5;
  telemetry.sample(0, 3);
  assert.deepEqual(samples, [
    [2, 15, 16, 1, 2],
    [0, 15, 16, 0, 0],
    [3, 15, 16, 0, 3],
  ]);
});

test('TW-45, TW-46, TW-52: each metric of a report is the core’s of that name; the worst of a group is its colour', () => {
  /** @type {Record<number, number>} grades of metrics, by index; of workers, from 100 on */
  let grades = {};
  const { telemetry } = makeTelemetry((at, { f64, u32 }) => {
    const write = (/** @type {number} */ offset, /** @type {number} */ value, /** @type {number} */ index) => {
      f64[(at + offset + L.MEASURE_VALUE) >>> 3] = value;
      f64[(at + offset + L.MEASURE_CAPACITY) >>> 3] = 2 * value;
      u32[(at + offset + L.MEASURE_GRADE) >>> 2] = grades[index] ?? 0;
    };
    for (let i = 0; i < 15; i++) write(L.HEALTH_METRICS + i * L.MEASURE_SIZE, i, i);
    for (let seat = 0; seat < 2; seat++) write(L.HEALTH_EXEC + seat * L.MEASURE_SIZE, 100 + seat, 100 + seat);
  });
  const report = () => /** @type {any} */ (telemetry.report());
  const { Pools, Queues, Workers, FrameGovernor, Starvation, Timestamp } = report();
  /** @param {Record<string, any>} group */
  const values = (group) => Object.entries(group).map(([name, { Value, Capacity }]) => [name, Value, Capacity]);
  const withoutStatus = (/** @type {Record<string, any>} */ { Status, ...metrics }) => (assert.ok(Status), metrics);
  assert.deepEqual(values(withoutStatus(Pools)), [
    ['Node', L.METRIC_SLOTS, 2 * L.METRIC_SLOTS],
    ['SingleJob', L.METRIC_SLOTS, 2 * L.METRIC_SLOTS],
    ['BulkEntry', L.METRIC_GROUPS, 2 * L.METRIC_GROUPS],
    ['BulkBatch', L.METRIC_SLOTS, 2 * L.METRIC_SLOTS],
    ['ResultBuffer', L.METRIC_BUFFERS, 2 * L.METRIC_BUFFERS],
  ]);
  const others = { ...Queues, ...FrameGovernor, ...Starvation, Watchdog: Workers.WatchdogInterventions };
  assert.deepEqual(values(withoutStatus(others)), [
    ['Light', L.METRIC_LIGHT, undefined],
    ['Heavy', L.METRIC_HEAVY, undefined],
    ['BulkCritical', L.METRIC_BULK_CRITICAL, undefined],
    ['BulkNormal', L.METRIC_BULK_NORMAL, undefined],
    ['BulkBackground', L.METRIC_BULK_BACKGROUND, undefined],
    ['Plain', L.METRIC_PLAIN, undefined],
    ['BudgetMs', L.METRIC_BUDGET, undefined],
    ['OverBudgetRate', L.METRIC_OVER_BUDGET, undefined],
    ['ActiveBulkCount', L.METRIC_ACTIVE_BULKS, undefined],
    ['BgSkipCount', L.METRIC_LOW_SKIPS, undefined],
    ['HeavySkipCount', L.METRIC_HEAVY_SKIPS, undefined],
    ['Watchdog', L.METRIC_INTERVENTIONS, undefined],
  ]);
  assert.deepEqual(
    Workers.AvgExecTime.map((/** @type {any} */ { Value }) => Value),
    [100, 101],
  );
  assert.equal(Timestamp, 1);
  const colours = (/** @type {Record<number, number>} */ given) => {
    grades = given;
    const { Pools, Queues, Workers, Overall } = report();
    return [Pools.Status, Queues.Status, Workers.Status, Overall];
  };
  assert.deepEqual(colours({}), ['Green', 'Green', 'Green', 'Green']);
  assert.deepEqual(colours({ [L.METRIC_LIGHT]: 1, [L.METRIC_PLAIN]: 2 }), ['Green', 'Red', 'Green', 'Red']);
  assert.deepEqual(colours({ [L.METRIC_GROUPS]: 1, 101: 1 }), ['Yellow', 'Green', 'Yellow', 'Yellow']);
  assert.deepEqual(colours({ [L.METRIC_HEAVY]: 1, 101: 2 }), ['Green', 'Yellow', 'Red', 'Red']);
});

test('TW-64: each second stands for itself; what is early does not make up for what is late', () => {
  const engine = makeEngine();
  const members = new Map([[1, { number: 1, seat: 1, state: 'live' }]]);
  const load = new Load(/** @type {any} */ ({ ...engine, fleet: { members } }), 2, 10, undefined);
  const running = (engine.core.thread(1) + L.THREAD_RUNNING) >>> 2;
  const pass = (/** @type {number[]} */ ...steps) => {
    for (const ms of steps) {
      engine.ms += ms;
      load.sample();
    }
  };
  const times = (/** @type {number} */ count, /** @type {number[]} */ ...steps) =>
    Array.from({ length: count }, () => steps).flat();
  engine.core.memory.u32[running] = 3;
  pass(...times(50, 5, 15)); // now early, now late
  assert.deepEqual([load.latest.mainThread, load.latest.workers], [25, [0, 100]]);
  const { latest } = load;
  pass(...times(99, 10));
  assert.equal(load.latest, latest, 'until the second is over');
  engine.core.memory.u32[running] = 0;
  pass(10);
  assert.deepEqual([load.latest.mainThread, load.latest.workers], [0, [0, 99]]);
  engine.core.memory.u32[running] = 1;
  const member = /** @type {any} */ (members.get(1));
  pass(...times(50, 10));
  member.state = 'dying';
  pass(...times(50, 10));
  assert.deepEqual(load.latest.workers, [0, 50]);
  member.seat = undefined; // a spare
  member.state = 'live';
  pass(...times(100, 10));
  assert.deepEqual(load.latest.workers, [0, 0]);
});
