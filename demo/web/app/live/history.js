/** What each lane shows: what its worker did at which time, found by looking at `pool.diagnostics().workers` in each frame. */

/** Longer than any lane is. */
const KEPT_MS = 14_000;

/** Names of tasks, by what a lane shows them as. @type {Record<string, Kind>} */
const KINDS = { paint: 'tile', grain: 'grain', hang_in_c: 'hung', hangInJs: 'hung', crash: 'hung', guest: 'guest' };

/**
 * @typedef {'idle' | 'tile' | 'grain' | 'hung' | 'guest' | 'starting' | 'none'} Kind
 * @typedef {{ from: number, to: number, kind: Kind }} Stretch
 * @typedef {{ at: number, text: string, kind: 'kept' | 'gone' | 'back' }} Mark
 */

/** The history of one worker's place. */
export class Lane {
  /** @type {Stretch[]} */
  stretches = [];
  /** @type {Mark[]} */
  marks = [];
  state = 'starting';
  task = '';
  /** Tasks finished in this place, by all of its threads. */
  finished = 0;
  /** Number of its earlier threads that have not ended yet. */
  ending = 0;
  #threadFinished = 0;
  #lastKind;

  /**
   * @param {string} name
   * @param {Kind} usual what it does, as long as nothing else was seen
   */
  constructor(name, usual) {
    this.name = name;
    this.#lastKind = usual;
  }

  /**
   * @param {number} now
   * @param {import('wasmpool').WorkerView | undefined} view undefined: no thread has the place
   */
  sample(now, view) {
    const before = this.#threadFinished;
    this.#threadFinished = view?.finished ?? 0;
    // A new thread counts from 0.
    const done = this.#threadFinished - (this.#threadFinished < before ? 0 : before);
    this.finished += done;
    this.state = view?.state ?? 'none yet';
    this.task = view?.running[0]?.task ?? '';
    let kind = this.#kindOf(view);
    // Between two looks it has worked, although it is idle at both.
    if (kind === 'idle' && done > 0) kind = this.#lastKind;
    if (kind === 'tile' || kind === 'grain') this.#lastKind = kind;
    const last = this.stretches.at(-1);
    if (last?.kind === kind) last.to = now;
    else this.stretches.push({ from: last?.to ?? now, to: now, kind });
    while (this.stretches.length > 0 && this.stretches[0].to < now - KEPT_MS) this.stretches.shift();
    while (this.marks.length > 0 && this.marks[0].at < now - KEPT_MS) this.marks.shift();
  }

  /** @param {import('wasmpool').WorkerView | undefined} view @returns {Kind} */
  #kindOf(view) {
    if (!view) return 'none';
    if (view.state === 'starting' || view.state === 'spare') return 'starting';
    return this.task ? (KINDS[this.task] ?? 'tile') : 'idle';
  }

  /**
   * @param {Mark['kind']} kind
   * @param {string} text
   */
  mark(kind, text) {
    this.marks.push({ at: performance.now(), kind, text });
  }
}

/** The lanes of a pool. */
export class PoolLanes {
  /** @type {Lane[]} */
  lanes;
  /** @type {import('wasmpool').Pool | undefined} */
  #pool;
  #kills = 0;
  /** Of earlier pools of these lanes. */
  #before = { stopped: 0, killed: 0 };
  /** Of this one; what was last seen, since a pool that has been destroyed counts nothing. */
  #since = { stopped: 0, killed: 0 };
  /** @type {number[]} */
  #stopped = [];

  /**
   * @param {readonly string[]} names one for each worker
   * @param {import('wasmpool').Pool} [pool] it may be opened later
   * @param {Kind} [usual]
   */
  constructor(names, pool, usual = 'tile') {
    this.lanes = names.map((name) => new Lane(name, usual));
    if (pool) this.attach(pool);
  }

  /**
   * From now on the lanes are those of this pool.
   * @param {import('wasmpool').Pool} pool
   */
  attach(pool) {
    this.#before = this.ended;
    this.#since = { stopped: 0, killed: 0 };
    this.#pool = pool;
    this.#kills = 0;
    this.#stopped = [];
    pool.on('workerDown', ({ index }) => {
      const { kills } = pool.diagnostics();
      this.#lane(index)?.mark('gone', kills > this.#kills ? 'killed' : 'crashed');
      this.#kills = kills;
    });
    pool.on('workerUp', ({ index }) => this.#lane(index)?.mark('back', 'back'));
  }

  /** How many tasks were stopped whose threads lived on, and how many threads were killed. */
  get ended() {
    return { stopped: this.#before.stopped + this.#since.stopped, killed: this.#before.killed + this.#since.killed };
  }

  /** @param {number | undefined} index */
  #lane(index) {
    return index === undefined ? undefined : this.lanes[index];
  }

  /**
   * @param {number} now
   * @returns {import('wasmpool').Diagnostics | undefined} what it has seen; undefined: there is no pool yet
   */
  sample(now) {
    const seen = this.#pool?.diagnostics();
    if (seen?.workers.length)
      this.#since = { stopped: seen.stops.flag.count + seen.stops.check.count, killed: seen.kills };
    for (const [index, lane] of this.lanes.entries()) {
      const mine = seen?.workers.filter((view) => view.index === index) ?? [];
      lane.ending = mine.filter(({ state }) => state === 'ending').length;
      const present = mine.find(({ state }) => state !== 'ending');
      const stopped = present?.stopped ?? 0;
      if (stopped > (this.#stopped[index] ?? 0)) lane.mark('kept', 'stopped, thread kept');
      this.#stopped[index] = stopped;
      lane.sample(now, present);
    }
    return seen;
  }
}
