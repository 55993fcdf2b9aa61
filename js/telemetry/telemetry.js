/** The pool's health over a window: samples at each tick, a report with grades, and the load of the threads. */
import { allocate } from '../core/memory.js';
import { THRESHOLDS } from '../options/option-groups.js';
import * as L from '../generated/layout.js';
import { host } from '../host/index.js';

/**
 * @typedef {import('../options/option-groups.js').ThresholdName} ThresholdName
 * @typedef {'Healthy' | 'Warm' | 'Overloaded'} Status of one metric
 * @typedef {'Green' | 'Yellow' | 'Red'} GroupStatus the worst of a group
 * @typedef {{ Value: number, Status: Status }} Metric
 * @typedef {{ Value: number, Capacity: number, Status: Status }} Gauge number of free ones, and of all
 *
 * @typedef {object} Report
 * @property {{ Node: Gauge, SingleJob: Gauge, BulkEntry: Gauge, BulkBatch: Gauge, ResultBuffer: Gauge, Status: GroupStatus }} Pools
 *   descriptors of tasks (Node, SingleJob and BulkBatch share one table), of bulk jobs, and buffers for their results; latest sample
 * @property {{ Light: Metric, Heavy: Metric, BulkCritical: Metric, BulkNormal: Metric, BulkBackground: Metric,
 *   Plain: Metric, Status: GroupStatus }} Queues peak numbers of waiting tasks; Plain: tasks without a weight
 * @property {{ Total: number, Free: number, Busy: number, AvgExecTime: Metric[], WatchdogInterventions: Metric,
 *   Status: GroupStatus }} Workers AvgExecTime: seconds, by worker index
 * @property {{ BudgetMs: Metric, OverBudgetRate: Metric, ActiveBulkCount: Metric, Status: GroupStatus }} FrameGovernor
 * @property {{ BgSkipCount: Metric, HeavySkipCount: Metric, Status: GroupStatus }} Starvation
 * @property {GroupStatus} Overall
 * @property {number} WindowSec seconds since the previous report, or since the start
 * @property {number} SampleCount
 * @property {number} Timestamp seconds, monotonic
 *
 * @typedef {object} TaskLoad busy time in the last second, in percent
 * @property {'server' | 'browser'} environment
 * @property {number} mainThread
 * @property {number[]} workers by index
 */

const STATUSES = /** @type {const} */ (['Healthy', 'Warm', 'Overloaded']);
const COLOURS = /** @type {const} */ ({ Healthy: 'Green', Warm: 'Yellow', Overloaded: 'Red' });
const LOAD_MS = 1000; // REQUIREMENTS TW-64

/** Samples, reports. Exists only while telemetry is on. */
export class Telemetry {
  #core;
  #fleet;
  #time;
  #buffers;
  #at;
  #interventions = 0;
  #load;

  /**
   * @param {import('../core/core.js').Core} core
   * @param {Pick<import('../threads/fleet.js').Fleet, 'members' | 'suspicions' | 'extent'>} fleet
   * @param {Pick<import('../jobs/bulk.js').ResultBuffers, 'gauge'>} buffers
   * @param {Pick<import('../options/options.js').ResolvedOptions, 'scheduler'>} options
   * @param {NonNullable<import('../options/options.js').ResolvedOptions['telemetry']>} telemetry
   */
  constructor(core, fleet, buffers, { scheduler }, { ring, thresholds, tickMs }) {
    this.#core = core;
    this.#fleet = fleet;
    this.#buffers = buffers;
    this.#time = scheduler;
    core.check(core.exports._wp_telemetry_open(core.pool, ring, this.#time.poolNow()), 'telemetry');
    this.#at = allocate(core, core.exports._wp_telemetry_report_bytes(core.pool));
    this.#load = new Load(core, fleet, { now: scheduler.poolNow, tickMs, meter: host.mainLoad?.() });
    this.#setThresholds(thresholds);
  }

  /** @param {Partial<Record<ThresholdName, readonly [number, number]>>} thresholds */
  #setThresholds(thresholds) {
    const { exports, pool, memory } = this.#core;
    const at = exports._wp_telemetry_thresholds(pool) >>> 0;
    memory.reach(at + 2 * THRESHOLDS.length * Float64Array.BYTES_PER_ELEMENT);
    const first = at >>> 3;
    for (const [i, name] of THRESHOLDS.entries()) {
      const pair = thresholds[name];
      if (pair) memory.f64.set(pair, first + 2 * i);
    }
  }

  /**
   * Takes a sample; called at each tick.
   * @param {number} light number of light tasks that main holds back
   * @param {number} heavy likewise
   */
  sample(light, heavy) {
    const [core, fleet] = [this.#core, this.#fleet];
    const { free, capacity } = this.#buffers.gauge;
    const { interventions } = fleet.suspicions;
    core.exports._wp_telemetry_sample(core.pool, interventions - this.#interventions, free, capacity, light, heavy);
    this.#interventions = interventions;
    this.#load.sample();
  }

  /** Summarises the window; resets nothing but WindowSec. @returns {Report | undefined} undefined: there is no sample yet */
  report() {
    const core = this.#core;
    if (!core.exports._wp_telemetry_report(core.pool, this.#time.poolNow(), this.#at)) return undefined;
    const { f64, u32 } = core.memory;
    const at = this.#at;
    const measure = (/** @type {number} */ offset) => ({
      Value: f64[(at + offset + L.MEASURE_VALUE) >>> 3],
      Status: STATUSES[u32[(at + offset + L.MEASURE_GRADE) >>> 2]],
    });
    const metric = (/** @type {number} */ index) => measure(L.HEALTH_METRICS + index * L.MEASURE_SIZE);
    const gauge = (/** @type {number} */ index) => ({
      ...metric(index),
      Capacity: f64[(at + L.HEALTH_METRICS + index * L.MEASURE_SIZE + L.MEASURE_CAPACITY) >>> 3],
    });
    const count = (/** @type {number} */ offset) => u32[(at + offset) >>> 2];
    const groups = {
      Pools: withStatus({
        Node: gauge(L.METRIC_SLOTS),
        SingleJob: gauge(L.METRIC_SLOTS),
        BulkEntry: gauge(L.METRIC_GROUPS),
        BulkBatch: gauge(L.METRIC_SLOTS),
        ResultBuffer: gauge(L.METRIC_BUFFERS),
      }),
      Queues: withStatus({
        Light: metric(L.METRIC_LIGHT),
        Heavy: metric(L.METRIC_HEAVY),
        BulkCritical: metric(L.METRIC_BULK_CRITICAL),
        BulkNormal: metric(L.METRIC_BULK_NORMAL),
        BulkBackground: metric(L.METRIC_BULK_BACKGROUND),
        Plain: metric(L.METRIC_PLAIN),
      }),
      Workers: withStatus({
        Total: count(L.HEALTH_TOTAL),
        Free: count(L.HEALTH_FREE),
        Busy: count(L.HEALTH_BUSY),
        AvgExecTime: Array.from({ length: this.#fleet.extent }, (_, seat) =>
          measure(L.HEALTH_EXEC + seat * L.MEASURE_SIZE),
        ),
        WatchdogInterventions: metric(L.METRIC_INTERVENTIONS),
      }),
      FrameGovernor: withStatus({
        BudgetMs: metric(L.METRIC_BUDGET),
        OverBudgetRate: metric(L.METRIC_OVER_BUDGET),
        ActiveBulkCount: metric(L.METRIC_ACTIVE_BULKS),
      }),
      Starvation: withStatus({
        BgSkipCount: metric(L.METRIC_LOW_SKIPS),
        HeavySkipCount: metric(L.METRIC_HEAVY_SKIPS),
      }),
    };
    return {
      ...groups,
      Overall: worstColour(Object.values(groups).map(({ Status }) => Status)),
      WindowSec: f64[(at + L.HEALTH_WINDOW_SECONDS) >>> 3],
      SampleCount: count(L.HEALTH_SAMPLES),
      Timestamp: this.#time.now() / 1000,
    };
  }

  /** Refreshed once a second; reading it costs nothing. */
  get load() {
    return this.#load.latest;
  }
}

/**
 * @template {Record<string, any>} G
 * @param {G} group
 * @returns {G & { Status: GroupStatus }}
 */
function withStatus(group) {
  const statuses = Object.values(group)
    .flat()
    .map((metric) => /** @type {Status | undefined} */ (metric.Status))
    .filter((status) => status !== undefined);
  return { ...group, Status: worstColour(statuses.map((status) => COLOURS[status])) };
}

/** @param {GroupStatus[]} colours */
function worstColour(colours) {
  if (colours.includes('Red')) return 'Red';
  return colours.includes('Yellow') ? 'Yellow' : 'Green';
}

/** The load of the threads: of workers by samples; of main as its host measures it, or else by how late its ticks are. */
export class Load {
  #core;
  #fleet;
  #now;
  #tickMs;
  #samples = 0;
  #sinceMs;
  #lastMs;
  #lateMs = 0;
  /** Number of samples in which a worker ran something, by seat. @type {Map<number | undefined, number>} */
  #busy = new Map();
  #meter;
  /** @type {TaskLoad} */
  latest;

  /**
   * @param {import('../core/core.js').Core} core
   * @param {Pick<import('../threads/fleet.js').Fleet, 'members' | 'extent'>} fleet
   * @param {{ now: () => number, tickMs: number, meter?: () => number }} how now: the pool's time; meter: the host's measure
   *   of main's load
   */
  constructor(core, fleet, { now, tickMs, meter }) {
    this.#core = core;
    this.#fleet = fleet;
    this.#meter = meter;
    this.#now = now;
    this.#tickMs = tickMs;
    this.#sinceMs = this.#lastMs = this.#now();
    this.latest = this.#read(0, 1);
  }

  sample() {
    const core = this.#core;
    const now = this.#now();
    this.#lateMs += Math.max(0, now - this.#lastMs - this.#tickMs);
    this.#lastMs = now;
    this.#samples++;
    for (const { number, seat, state } of this.#fleet.members.values()) {
      if (state === 'live' && core.load(core.thread(number) + L.THREAD_RUNNING) > 0)
        this.#busy.set(seat, (this.#busy.get(seat) ?? 0) + 1);
    }
    if (now - this.#sinceMs < LOAD_MS) return;
    const main = this.#meter ? this.#meter() : this.#lateMs / (now - this.#sinceMs);
    this.latest = this.#read(main, this.#samples);
    this.#sinceMs = now;
    this.#samples = this.#lateMs = 0;
    this.#busy.clear();
  }

  /**
   * @param {number} main 0 … 1
   * @param {number} samples
   * @returns {TaskLoad}
   */
  #read(main, samples) {
    const environment = host.name === 'browser' ? 'browser' : 'server';
    const workers = Array.from(
      { length: this.#fleet.extent },
      (_, seat) => ((this.#busy.get(seat) ?? 0) / samples) * 100,
    );
    return Object.freeze({ environment, mainThread: main * 100, workers });
  }
}
