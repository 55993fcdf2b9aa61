/** Handlers of the soak's tasks. Each notes its run in memory that it shares with main: `{ number, … }`. */

/** @param {any} context @param {number} number */
const note = (context, number) => Atomics.add(context.initData, number, 1);

export const echo = ({ number, value }, context) => {
  note(context, number);
  return value;
};
/** A slice: each item notes itself; one of them may hang. */
export const slice = (items, context) =>
  items.map(({ number, value, hangs }) => {
    note(context, number);
    while (hangs);
    return value;
  });
export const later = async ({ number, value }, context) => {
  note(context, number);
  await new Promise((resolve) => setTimeout(resolve, number % 3));
  return value;
};
export const fill = ({ number, bytes }, context) => {
  note(context, number);
  return context.alloc(bytes).fill(number & 0xff);
};
export const report = ({ number, count }, context) => {
  note(context, number);
  for (let i = 0; i < count; i++) context.progress(i);
  return count;
};
export const fail = ({ number }, context) => {
  note(context, number);
  throw new Error(`failed ${number}`);
};
export const polite = ({ number }, context) => {
  note(context, number);
  while (!context.isCancelled);
};
export const spin = ({ number }, context) => {
  note(context, number);
  for (;;);
};
export const wait = ({ number }, context) => {
  note(context, number);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
};
/** Hangs while it holds memory. */
export const hoard = ({ number }, context) => {
  note(context, number);
  for (let i = 0; ; i++) {
    if (i < 100) context.alloc(1000);
    if (i < 50) context.progress(number);
  }
};
export const exit = ({ number }, context) => {
  note(context, number);
  process.exit(3);
};
/** Succeeds; its worker dies a moment later, whatever it does then. */
export const bomb = ({ number, value }, context) => {
  note(context, number);
  setTimeout(() => {
    throw new Error('as asked');
  }, 1);
  return value;
};
