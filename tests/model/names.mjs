/**
 * What a model names is there: every file, every function of the core, and every step in capitals, in the file that the model's head
 * puts behind it: `STEP, OTHER STEP (file.c)`. A step is a comment of that file, or a function of that name.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../..');

/** Sources by the end of their path. */
const sources = new Map(
  ['src', 'js'].flatMap((directory) =>
    readdirSync(join(root, directory), { recursive: true, encoding: 'utf8' })
      .filter((path) => /\.[chj]s?$/.test(path) && !path.startsWith('dist'))
      .map((path) => [`${directory}/${path}`, readFileSync(join(root, directory, path), 'utf8')]),
  ),
);
const core = [...sources].flatMap(([path, text]) => (path.startsWith('src/') ? [text] : [])).join('\n');

let findings = 0;

/**
 * @param {string} model
 * @param {string} text
 */
function report(model, text) {
  console.log(`${model}: ${text}`);
  findings++;
}

/** @param {string} name a path, or the end of one */
const filesNamed = (name) => [...sources.keys()].filter((path) => path === name || path.endsWith(`/${name}`));

/**
 * @param {string} file
 * @param {string} step
 */
function hasStep(file, step) {
  const method = new RegExp(`\\b${step.toLowerCase()}\\(`);
  return filesNamed(file).some((path) => {
    const text = sources.get(path) ?? '';
    return new RegExp(`\\b${step}\\b`).test(text) || method.test(text);
  });
}

for (const model of readdirSync(here).filter((name) => name.endsWith('.pml'))) {
  const text = readFileSync(join(here, model), 'utf8');
  const head = text.slice(0, text.indexOf('*/')).replace(/\n \*/g, ' ').replace(/\s+/g, ' ');
  for (const [file] of text.matchAll(/\b[\w/-]+\.(?:[ch]|js)\b/g)) {
    if (!filesNamed(file).length) report(model, `there is no ${file}`);
  }
  for (const [name] of text.matchAll(/\bwp_\w+/g)) {
    if (!new RegExp(`\\b${name}\\b`).test(core)) report(model, `there is no ${name} in src`);
  }
  const lists = [...head.matchAll(/((?:[A-Z]+(?: [A-Z]+)*, )*[A-Z]+(?: [A-Z]+)*) \(([\w/-]+\.\w+)/g)];
  for (const [, steps, file] of lists) {
    for (const step of steps.split(', ')) {
      if (!hasStep(file, step)) report(model, `there is no step ${step} in ${basename(file)}`);
    }
  }
  if (!lists.length) report(model, 'its head does not say where its steps are: STEP (file.c)');
}
process.exitCode = findings ? 1 : 0;
