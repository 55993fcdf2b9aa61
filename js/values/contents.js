/** The parts of a value, and the path to each in JavaScript's notation. */

const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;

/**
 * The getter of a property, if it has one: the only way to find it without allocating a descriptor. Part of ECMA-262 (B.2.2.4).
 * @type {(this: object, key: string) => unknown}
 */
export const lookupGetter = Reflect.get(Object.prototype, '__lookupGetter__');

/**
 * @param {object} value
 * @returns {Generator<[step: string, part: unknown]>} its contents in the serializer's order, without getters
 */
export function* contents(value) {
  if (value instanceof Map) {
    for (const [key, item] of value) {
      yield ['.keys()', key];
      yield [`.get(${typeof key === 'string' ? JSON.stringify(key) : '…'})`, item];
    }
  } else if (value instanceof Set) {
    for (const item of value) yield ['.values()', item];
  }
  if (ArrayBuffer.isView(value)) return;
  // Of an error the serializer carries no other properties.
  const isError = Object.prototype.toString.call(value) === '[object Error]';
  for (const key of isError ? ['cause'] : Object.keys(value)) {
    const descriptor = Object.getOwnPropertyDescriptor(value, key);
    if (descriptor && Object.hasOwn(descriptor, 'value')) yield [stepTo(key), descriptor.value];
  }
}

/** @param {string} key of a property */
export function stepTo(key) {
  return IDENTIFIER.test(key) ? `.${key}` : /^\d+$/.test(key) ? `[${key}]` : `[${JSON.stringify(key)}]`;
}
