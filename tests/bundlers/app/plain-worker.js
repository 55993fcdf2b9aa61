export const add = ([a, b]) => a + b;

export function hang() {
  for (;;) globalThis.spins = true; // bundlers take out what has no effect
}
