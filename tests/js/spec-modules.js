/** The test scripts of the WebAssembly specification (scripts/spec-tests.mjs): their modules, and the calls that the scripts make of each. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';

const DATA = new URL('../../.cache/spec/data/', import.meta.url);

/** Why there are no scripts, or false. */
export const noSpecModules = !existsSync(DATA) && 'not there: scripts/spec-tests.mjs says why';

/** The forms at the top of a script, as text. */
function* forms(text) {
  const code = text.replace(/\(;[^]*?;\)|;;.*|"(?:[^"\\]|\\[^])*"/g, (part) => (part[0] === '"' ? part : ' '));
  let depth = 0;
  let start = 0;
  for (const { 0: token, index } of code.matchAll(/"(?:[^"\\]|\\[^])*"|[()]/g)) {
    if (token === '(' && depth++ === 0) start = index;
    else if (token === ')' && --depth === 0) yield code.slice(start, index + 1);
  }
}

/** A call of a script with plain numbers: name and arguments. */
function callOf(form) {
  const found =
    /^\(assert_(?:return|trap)\s*\(invoke\s+"([^"\\]*)"((?:\s*\((?:i32|i64|f32|f64)\.const [^\s()]+\))*)\s*\)/.exec(
      form,
    );
  if (!found || /nan/.test(found[2])) return undefined;
  const values = [...found[2].matchAll(/\((i32|i64|f32|f64)\.const ([^\s()]+)\)/g)].map(([, type, number]) => {
    const plain = number.replaceAll('_', '').replace(/^\+/, '');
    const [sign, digits] = plain[0] === '-' ? [-1, plain.slice(1)] : [1, plain];
    if (type === 'i64') return BigInt(sign) * BigInt(digits);
    return sign * (digits === 'inf' ? Infinity : Number(digits)); // hexadecimal fractions become NaN for both
  });
  return { name: found[1], values };
}

/**
 * Every module that is written as text, once.
 * @returns {Iterable<{ file: string, source: string, calls: { name: string, values: (number | bigint)[] }[] }>}
 */
export function* specModules() {
  const seen = new Set();
  const files = readdirSync(DATA, { recursive: true }).map(String);
  for (const file of files.filter((name) => name.endsWith('.wast'))) {
    let module;
    for (const form of forms(readFileSync(new URL(file, DATA), 'utf8'))) {
      if (/^\(module\b/.test(form)) {
        if (module) yield module;
        const isText = !/^\(module\s+(\$\S+\s+)?(binary|quote|definition|instance)\b/.test(form);
        module = isText && !seen.has(form) ? { file, source: form, calls: [] } : undefined;
        seen.add(form);
        continue;
      }
      const call = module && callOf(form);
      if (call) module.calls.push(call);
    }
    if (module) yield module;
  }
}
