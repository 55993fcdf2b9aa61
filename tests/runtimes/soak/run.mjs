/**
 * A soak of kills on runtimes.
 *
 * usage: run.mjs [RUNTIME… | all]       KILLS=1000 SEED=
 */
import { join } from 'node:path';
import process from 'node:process';
import { chosen, isBrowser, missing, root, runPage, runProgram } from '../runtimes.mjs';
import { serve } from '../serve.mjs';
import { faults } from './soak.js';

const kills = Number(process.env.KILLS || 1000);
const seed = Number(process.env.SEED || Math.floor(Math.random() * 2 ** 31));
const server = await serve();
let [passed, failed] = [0, 0];
for (const runtime of chosen(process.argv.slice(2))) {
  const begin = performance.now();
  /** @type {any} */
  let outcome;
  const onReport = (/** @type {any} */ report) => (outcome = report.outcome ?? report);
  const options = { limitMs: 300_000, onReport };
  const failure =
    missing(runtime) ??
    (isBrowser(runtime)
      ? await runPage(runtime, server, `tests/runtimes/soak/page.html?kills=${kills}&seed=${seed}`, options)
      : await runProgram(runtime, [join(root, 'tests/runtimes/soak/main.js'), String(kills), String(seed)], options));
  const fault =
    failure || (outcome?.serving === undefined ? `no outcome: ${JSON.stringify(outcome)}` : faults(outcome));
  if (fault) failed++;
  else passed++;
  const { killed, threads, sound, lost, twice, unsettled } = outcome ?? {};
  console.log(
    `${fault ? 'not ok' : 'ok'} ${runtime}: ${killed} kills (${threads} with their thread) beside ${sound} sound tasks, ${lost} lost, ${twice} twice, ${unsettled} unsettled, ${Math.round((performance.now() - begin) / 1000)} s, SEED=${seed}${fault ? `\n  ${fault}` : ''}`,
  );
}
server.close();
console.log(`soak: ${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
