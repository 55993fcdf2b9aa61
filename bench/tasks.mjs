/** The task bodies of the benchmark, the same for every pool. */
export const echo = (value) => value;
/** Says that it runs, and never ends. */
export const hang = (word) => {
  Atomics.store(word, 0, 1);
  for (;;);
};
export const burn = (ms) => {
  const end = performance.now() + ms;
  while (performance.now() < end);
  return ms;
};
export const bytes = (length) => new Uint8Array(length);
/** Waits until `count` tasks run at the same time. */
export const meet = ({ word, count }) => {
  if (Atomics.add(word, 0, 1) === count - 1) Atomics.notify(word, 0);
  for (;;) {
    const met = Atomics.load(word, 0);
    if (met >= count) return met;
    Atomics.wait(word, 0, met);
  }
};
