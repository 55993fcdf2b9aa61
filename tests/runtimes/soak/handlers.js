/** Handlers of the soak on every runtime. Each notes its run in memory that it shares with main. */
const note = (context, number) => Atomics.add(context.initData, number, 1);

export const work = ({ number, value }, context) => {
  note(context, number);
  return value;
};
export const later = async ({ number, value }, context) => {
  note(context, number);
  await new Promise((resolve) => setTimeout(resolve, number % 3));
  return value;
};
export const fill = ({ number, value }, context) => {
  note(context, number);
  return context.alloc(value).fill(number & 0xff);
};
export const spin = ({ number }, context) => {
  note(context, number);
  context.alloc(1000);
  for (;;);
};
export const wait = ({ number }, context) => {
  note(context, number);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
};
