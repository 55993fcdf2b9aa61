/**
 * Loaded into every thread and process of the coverage run, before the instrumented sources: notes each mutant whose code runs.
 * Written at once, since many of these threads are killed.
 */
import { appendFileSync } from 'node:fs';

const file = process.env.MUTATION_COVERAGE;
if (file) {
  const seen = {};
  const notes = new Proxy(seen, {
    set(_target, id) {
      if (!Object.hasOwn(seen, id)) {
        seen[id] = 1;
        appendFileSync(file, `${String(id)}\n`);
      }
      return true;
    },
  });
  globalThis.__stryker__ = { mutantCoverage: { static: notes, perTest: {} } };
}
