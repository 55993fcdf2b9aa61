/** The task bodies of the benchmark, the same for every pool. */
export const echo = (value) => value;
export const spin = () => {
  for (;;);
};
export const burn = (ms) => {
  const end = performance.now() + ms;
  while (performance.now() < end);
  return ms;
};
export const bytes = (length) => new Uint8Array(length);
