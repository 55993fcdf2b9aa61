/**
 * Emscripten's glue decides by marks of its surroundings that it runs in a thread, and it leaves names in the global object. Both are
 * needed only while it starts, and undone then, so that the user's modules find an ordinary worker of their runtime. The glue of the
 * package's own core needs no disguise where it is part of the worker's bundle (js/entry/own-glue.js).
 */
import { own } from '../base/own.js';

const scope = /** @type {any} */ (globalThis);

/** Names of the realm's event handler properties. They are restored by assignment, because some are accessors of the prototype. */
function handlerNames() {
  const names = [];
  for (const key in scope) if (/^on[a-z]+$/.test(key)) names.push(key);
  return names;
}

/**
 * Remembers the global object as it is.
 * @returns {() => void} restores it; properties that did not change, and other accessors of the runtime, are left alone
 */
export function keepGlobals() {
  const kept = new Map(Reflect.ownKeys(scope).map((key) => [key, Reflect.getOwnPropertyDescriptor(scope, key)]));
  const handlers = handlerNames().map((key) => ({ key, value: scope[key] }));
  return () => {
    for (const key of Reflect.ownKeys(scope)) {
      const before = kept.get(key);
      // Reflect does not throw: the runtime itself may have added properties that cannot be deleted, such as Node's fetch dispatcher.
      if (!before) Reflect.deleteProperty(scope, key);
      else if (Object.hasOwn(before, 'value') && scope[key] !== before.value)
        Reflect.defineProperty(scope, key, own(before));
    }
    for (const { key, value } of handlers) if (scope[key] !== value) scope[key] = value;
  };
}

/**
 * Captures the message handler that the glue sets, and returns a way to call it. The handler changes while the glue loads.
 * @param {any} realm the glue's global object
 * @param {(run: () => void) => void} microtask
 * @returns {{ command: (data: object) => void, release: () => void }} release: restores `onmessage`
 */
export function captureGlue(realm, microtask) {
  const before = Reflect.getOwnPropertyDescriptor(realm, 'onmessage');
  /** @type {((event: { data: object }) => void) | undefined} */
  let handler;
  /** @type {object[]} */
  const early = [];
  let flushed = false;
  const flush = () => {
    flushed = true;
    for (const data of early.splice(0)) handler?.({ data });
  };
  const accessors = own({
    configurable: true,
    get: () => () => undefined, // the glue calls this for messages of its own, which are not wanted
    set: (/** @type {typeof handler} */ next) => {
      const first = !handler;
      handler = next;
      if (first) microtask(flush); // not now: the glue is in the middle of its start
    },
  });
  Object.defineProperty(realm, 'onmessage', accessors);
  return {
    command: (data) => {
      if (flushed) handler?.({ data });
      else early.push(data);
    },
    release: () => {
      delete realm.onmessage;
      if (before) Object.defineProperty(realm, 'onmessage', own(before));
    },
  };
}
