/**
 * Emscripten's glue takes itself for a thread by marks of its surroundings, and leaves names in the global object: both are for its
 * start only. What the user's modules find afterwards is a worker as their runtime makes it.
 */
import { own } from '../base/own.js';

const scope = /** @type {any} */ (globalThis);

/** Names of the event handlers of this realm, which are set and not replaced: some are the prototype's. */
function handlerNames() {
  const names = [];
  for (const key in scope) if (/^on[a-z]+$/.test(key)) names.push(key);
  return names;
}

/**
 * Remembers the global object as it is.
 * @returns {() => void} restores it; what did not change, and other accessors of the runtime, are left alone
 */
export function keepGlobals() {
  const kept = new Map(Reflect.ownKeys(scope).map((key) => [key, Reflect.getOwnPropertyDescriptor(scope, key)]));
  const handlers = handlerNames().map((key) => ({ key, value: scope[key] }));
  return () => {
    for (const key of Reflect.ownKeys(scope)) {
      const before = kept.get(key);
      // Reflect: the runtime itself may have added what cannot be deleted, such as Node's dispatcher of fetch.
      if (!before) Reflect.deleteProperty(scope, key);
      else if (Object.hasOwn(before, 'value') && scope[key] !== before.value)
        Reflect.defineProperty(scope, key, own(before));
    }
    for (const { key, value } of handlers) if (scope[key] !== value) scope[key] = value;
  };
}

/**
 * Takes the glue's message handler away from it and returns a way to call it. The handler changes while the glue loads.
 * @param {(run: () => void) => void} microtask
 * @returns {{ command: (data: object) => void, release: () => void }} release: `onmessage` is what it was
 */
export function captureGlue(microtask) {
  const before = Reflect.getOwnPropertyDescriptor(scope, 'onmessage');
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
    get: () => () => undefined, // what the glue itself would deliver is not for it
    set: (/** @type {typeof handler} */ next) => {
      const first = !handler;
      handler = next;
      if (first) microtask(flush); // the glue is in the middle of its own start
    },
  });
  Object.defineProperty(scope, 'onmessage', accessors);
  return {
    command: (data) => {
      if (flushed) handler?.({ data });
      else early.push(data);
    },
    release: () => {
      delete scope.onmessage;
      if (before) Object.defineProperty(scope, 'onmessage', own(before));
    },
  };
}
