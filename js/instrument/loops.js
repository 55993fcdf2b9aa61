/**
 * Decides which loops of a function need a check. A loop that provably ends soon needs none, as long as all such loops together end soon;
 * nor does a loop in which each round passes another check. A loop that is not understood needs one.
 *
 * A loop ends soon if, in all of its body, the only branch back to its head is
 *
 *     local.get i   i32.const STEP   i32.add   local.tee i   [i32.const LAST   i32.ne]   br_if HEAD
 *
 * and nothing else writes i, which was set to a constant right before the loop, from which whole steps lead to LAST (or 0). LLVM and
 * Binaryen write counting loops like this. Then each way back passes the step once, wherever in the body it is.
 */
const OP = {
  loop: 0x03,
  else: 0x05,
  catch: 0x07,
  end: 0x0b,
  br: 0x0c,
  brIf: 0x0d,
  brTable: 0x0e,
  firstCall: 0x10,
  lastCall: 0x15,
  delegate: 0x18,
  catchAll: 0x19,
  get: 0x20,
  set: 0x21,
  tee: 0x22,
  i32Const: 0x41,
  ne: 0x47,
  add: 0x6a,
};
/** block, loop, if, try, try_table */
const OPENS = new Set([0x02, 0x03, 0x04, 0x06, 0x1f]);
/** Labels that are not followed: try_table, delegate, br_on_null, br_on_non_null, and br_on_cast with all of its prefix. */
const ODD = new Set([0x1f, 0x18, 0xd5, 0xd6, 0xfb]);
/**
 * Instructions that may take long by themselves: throws, calls, memory.grow; and by prefix those that allocate (0xfb), memory.fill,
 * table.grow and the like, and waits.
 */
const LONG = new Set([0x08, 0x09, 0x0a, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x40, 0xfb, 0xfc, 0xfe]);
/** Divisions and square roots, of integers and of floats. */
const SLOW = new Set([0x6d, 0x6e, 0x6f, 0x70, 0x7f, 0x80, 0x81, 0x82, 0x91, 0x95, 0x9f, 0xa3]);
/** Bytes of other code that take as long as one of these. */
const SLOW_WORK = 16;

/** Bytes of code that may run between two checks: about 100,000 instructions, less than 0.1 ms; less than 1 ms at 20 cycles each. */
const MOST_WORK = 1 << 18;
/**
 * The same for code that may run hundreds of times in a row without a check: functions that make no calls, and code after a call, which runs
 * when recursion ends.
 */
const MOST_REPEATED_WORK = 1 << 11;
/** The longest pattern: get, const, add, tee, const, ne. */
const RECENT = 6;

/** @typedef {{ opcode: number, value: number }} Step value: a local's index, or a constant */

class Loop {
  /** Number of branches back to its head. */
  branches = 0;
  /** Whether it contains an instruction that may take long. */
  isLong = false;
  /** Whether it contains labels that are not followed, which may be its own. */
  isOdd = false;
  /** Whether each round passes the check of an inner loop. */
  covered = false;
  /** Work between two checks inside, in bytes of code. */
  work = 0;
  /** @type {{ local: number, rounds: number } | undefined} */
  counter = undefined;
  /** @type {Map<number, number>} how often each local is written in its body */
  writes = new Map();

  /**
   * @param {number} head position behind its block type, for a check
   * @param {Map<number, number>} known constant values of locals at its entry
   * @param {Loop | undefined} parent the loop directly around it, if no branch back was seen there yet
   */
  constructor(head, known, parent) {
    this.head = head;
    this.known = known;
    this.parent = parent;
  }
}

/** Analyses a function, instruction by instruction. */
export class Loops {
  /** Positions of the loop checks that are needed. @type {number[]} */
  heads = [];
  /** Number of loops that need none. */
  spared = 0;
  /** Open blocks, beginning with the function's body; undefined for those that are not loops. @type {(Loop | undefined)[]} */
  #open = [undefined];
  /** @type {Loop[]} */
  #loops = [];
  /** @type {Map<number, number>} */
  #known = new Map();
  /** @type {Step[]} */
  #recent = [];
  /** Work outside of loops with a check, in bytes of code: spared loops with all their rounds, and slow instructions. */
  work = 0;
  #calls = false;

  /**
   * Takes the next instruction.
   * @param {number} opcode or prefix
   * @param {Uint8Array} bytes
   * @param {number} at its position
   * @param {number} next position of the following one
   */
  see(opcode, bytes, at, next) {
    if (ODD.has(opcode)) for (const loop of this.#loops) loop.isOdd = true;
    if (LONG.has(opcode)) for (const loop of this.#loops) loop.isLong = true;
    if (opcode >= OP.firstCall && opcode <= OP.lastCall) this.#calls = true;
    if (SLOW.has(opcode)) (this.#loops.at(-1) ?? this).work += SLOW_WORK;
    if (OPENS.has(opcode)) this.#enter(opcode, next);
    else if (opcode === OP.end || opcode === OP.delegate) this.#leave(at);
    else if (opcode === OP.else || opcode === OP.catch || opcode === OP.catchAll) this.#forget();
    else if (opcode === OP.brTable) this.#branchTable(bytes, at + 1);
    else this.#step(opcode, bytes, at);
  }

  /**
   * Whether the function needs a check at its entry, because of recursion or its length.
   * @param {number} bytes of its code
   */
  needsEntry(bytes) {
    return this.#calls || bytes + this.work > MOST_REPEATED_WORK;
  }

  /** Whether the function's own end was seen. */
  get isOver() {
    return this.#open.length === 0;
  }

  #forget() {
    this.#known.clear();
    this.#recent.length = 0;
  }

  /**
   * @param {number} opcode
   * @param {number} next
   */
  #enter(opcode, next) {
    this.#recent.length = 0;
    if (opcode !== OP.loop) {
      this.#open.push(undefined);
      return;
    }
    const around = this.#open.at(-1);
    const parent = around?.branches === 0 && !around.isOdd ? around : undefined;
    const loop = new Loop(next, new Map(this.#known), parent);
    this.#open.push(loop);
    this.#loops.push(loop);
    this.#forget(); // later rounds start with other values
  }

  /** @param {number} at of the `end` */
  #leave(at) {
    this.#forget();
    const loop = this.#open.pop();
    if (!loop) return;
    this.#loops.pop();
    const work = loop.work + at - loop.head;
    const around = this.#loops.at(-1);
    if (around) {
      for (const [local, count] of loop.writes) around.writes.set(local, (around.writes.get(local) ?? 0) + count);
    }
    const outside = around ?? this;
    const total = outside.work + work * this.#rounds(loop);
    if (total <= (this.#calls ? MOST_REPEATED_WORK : MOST_WORK)) {
      this.spared++;
      outside.work = total;
    } else if (loop.covered) this.spared++;
    else {
      this.heads.push(loop.head);
      if (loop.parent) loop.parent.covered = true;
    }
  }

  /** @param {Loop} loop */
  #rounds({ isLong, isOdd, branches, counter, writes }) {
    if (isLong || isOdd) return Infinity;
    if (branches === 0) return 1;
    return branches === 1 && counter && writes.get(counter.local) === 1 ? counter.rounds : Infinity;
  }

  /**
   * @param {number} opcode
   * @param {Uint8Array} bytes
   * @param {number} at
   */
  #step(opcode, bytes, at) {
    const named = opcode === OP.get || opcode === OP.set || opcode === OP.tee || opcode === OP.br || opcode === OP.brIf;
    const value = named ? unsigned(bytes, at + 1) : opcode === OP.i32Const ? signed(bytes, at + 1) : 0;
    if (opcode === OP.br) this.#branch(value, false);
    else if (opcode === OP.brIf) this.#branch(value, true);
    else if (opcode === OP.set || opcode === OP.tee) this.#write(value);
    if (this.#recent.length === RECENT) this.#recent.shift();
    this.#recent.push({ opcode, value });
  }

  /** @param {number} local */
  #write(local) {
    const last = this.#recent.at(-1);
    if (last?.opcode === OP.i32Const) this.#known.set(local, last.value);
    else this.#known.delete(local);
    const loop = this.#loops.at(-1);
    loop?.writes.set(local, (loop.writes.get(local) ?? 0) + 1);
  }

  /**
   * @param {number} label
   * @param {boolean} counts whether it is a br_if, whose condition may be that of a counter
   */
  #branch(label, counts) {
    const loop = this.#open[this.#open.length - 1 - label];
    if (!loop) return;
    loop.branches++;
    loop.counter = counts ? this.#counter(loop) : undefined;
  }

  /**
   * @param {Uint8Array} bytes
   * @param {number} at
   */
  #branchTable(bytes, at) {
    const count = unsigned(bytes, at) + 1;
    for (let i = 0, place = behind(bytes, at); i < count; i++, place = behind(bytes, place))
      this.#branch(unsigned(bytes, place), false);
    this.#recent.length = 0;
  }

  /**
   * The counter that the instructions before a branch implement, if they match the pattern.
   * @param {Loop} loop
   */
  #counter(loop) {
    const steps = [...this.#recent];
    let last = 0;
    if (steps.at(-1)?.opcode === OP.ne && steps.at(-2)?.opcode === OP.i32Const) {
      last = /** @type {Step} */ (steps.at(-2)).value;
      steps.length -= 2;
    }
    const [get, step, add, tee] = steps.slice(-4);
    if (tee?.opcode !== OP.tee || add.opcode !== OP.add || step.opcode !== OP.i32Const || get.opcode !== OP.get)
      return undefined;
    const first = loop.known.get(tee.value);
    if (get.value !== tee.value || first === undefined) return undefined;
    const rounds = (last - first) / step.value;
    return Number.isInteger(rounds) && rounds > 0 ? { local: tee.value, rounds } : undefined;
  }
}

/**
 * The position behind a LEB128 number.
 * @param {Uint8Array} bytes
 * @param {number} at
 */
function behind(bytes, at) {
  while (/** @type {number} */ (bytes[at]) >= 0x80) at++;
  return at + 1;
}

/**
 * @param {Uint8Array} bytes
 * @param {number} at
 */
function unsigned(bytes, at) {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = /** @type {number} */ (bytes[at++]);
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return value >>> 0;
  }
}

/**
 * @param {Uint8Array} bytes
 * @param {number} at
 */
function signed(bytes, at) {
  let value = 0;
  for (let shift = 0; ;) {
    const byte = /** @type {number} */ (bytes[at++]);
    value |= (byte & 0x7f) << shift;
    shift += 7;
    if (byte < 0x80) return shift < 32 && byte & 0x40 ? value | (-1 << shift) : value;
  }
}
