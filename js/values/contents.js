/** The parts of a value, and the path to each, as one would write it. */

const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;

/**
 * @param {object} value
 * @returns {Generator<[step: string, part: unknown]>} its contents in the serializer's order, getters left alone
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
  const isError = Object.prototype.toString.call(value) === '[object Error]'; // whose other properties are not carried
  for (const key of isError ? ['cause'] : Object.keys(value)) {
    const descriptor = Object.getOwnPropertyDescriptor(value, key);
    if (descriptor && Object.hasOwn(descriptor, 'value')) yield [stepTo(key), descriptor.value];
  }
}

/** @param {string} key of a property */
export function stepTo(key) {
  return IDENTIFIER.test(key) ? `.${key}` : /^\d+$/.test(key) ? `[${key}]` : `[${JSON.stringify(key)}]`;
}
