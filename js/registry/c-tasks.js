/** Shared state for C tasks that are linked with the core: what src/bindings/shared.c calls, by way of wasm/library.js. */
import { STATUS } from '../generated/status.js';
import { isPoolError } from '../base/errors.js';
import { check, STORE_AT, theCore, VALUE_HEADER } from './core.js';
import { counter } from './counter.js';
import { sharedMap } from './map.js';
import { shared } from './shared.js';
import { State } from './state.js';

/** The order of src/bindings/shared.c. */
const CALLS = [openCounter, openMap, add, set, get, remove];

/**
 * @typedef {object} Call
 * @property {DataView} view of the memory that C knows
 * @property {number} key address of a C string
 * @property {number} state reference
 * @property {number} type
 * @property {number} data address
 * @property {number} bytes address
 */

/** @param {Call} call */
function keyOf({ view: { buffer }, key }) {
  const u8 = new Uint8Array(buffer);
  return new TextDecoder().decode(u8.slice(key, u8.indexOf(0, key)));
}

/** @param {Call} call */
function openCounter(call) {
  const state = shared(keyOf(call), counter(call.view.getBigInt64(call.data, true)));
  call.view.setUint32(call.bytes, State.refOf(state), true);
}

/** @param {Call} call */
function openMap(call) {
  call.view.setUint32(call.bytes, State.refOf(shared(keyOf(call), sharedMap())), true);
}

/** @param {Call} call the number at `data` is the sum afterwards */
function add({ view, state, data }) {
  const sum = theCore().exports.wp_shared_counter_add_whole(state, view.getBigInt64(data, true));
  view.setBigInt64(data, sum, true);
}

/** @param {Call} call */
function set(call) {
  const { view, state, type, data, bytes } = call;
  const core = theCore();
  const keyBytes = core.writeKey(keyOf(call));
  const value = new Uint8Array(view.buffer, data, view.getUint32(bytes, true));
  core.enter();
  const status = core.exports.wp_shared_map_set(core.v, state, keyBytes, core.place({ bytes: value, type, aux: 0 }));
  core.leave();
  check(status, 'set');
}

/** @param {Call} call at `bytes`: the type, and the room, which becomes the length */
function get(call) {
  const { view, state, data, bytes } = call;
  const core = theCore();
  const keyBytes = core.writeKey(keyOf(call));
  const room = view.getUint32(bytes + 4, true);
  view.setUint32(bytes + 4, 0, true);
  core.enter();
  const found = core.exports.wp_shared_map_get(core.v, state, keyBytes) >>> 0;
  if (found) {
    const length = core.word(found);
    view.setUint32(bytes, core.word(found + 4) & 0xff, true);
    view.setUint32(bytes + 4, length, true);
    if (length <= room)
      new Uint8Array(view.buffer).set(core.memory.view(STORE_AT + found + VALUE_HEADER, length), data);
    core.exports.wp_shared_unpin(core.v);
    core.leave();
    return length <= room ? 0 : STATUS.TOO_LARGE;
  }
  core.leave();
  return 0;
}

/** @param {Call} call */
function remove(call) {
  const core = theCore();
  const keyBytes = core.writeKey(keyOf(call));
  core.enter();
  core.exports.wp_shared_map_remove(core.v, call.state, keyBytes);
  core.leave();
}

/**
 * A call of a C task.
 * @param {{ buffer: ArrayBufferLike }} memory that C knows
 * @param {number} call index into CALLS
 * @param {[key: number, state: number, type: number, data: number, bytes: number]} rest
 * @returns {number} a status
 */
export function callFromC({ buffer }, call, ...rest) {
  const [key, state, type, data, bytes] = rest.map((n) => n >>> 0);
  try {
    return CALLS[call]({ view: new DataView(buffer), key, state, type, data, bytes }) ?? 0;
  } catch (error) {
    if (!isPoolError(error)) throw error;
    return /** @type {Record<string, number>} */ (STATUS)[error.code] ?? STATUS.TASK_FAILED;
  }
}
