/** On Bun the tests' `node:test` is ours. */
import { readFileSync } from 'node:fs';
import { plugin } from 'bun';

const own = JSON.stringify(new URL('./node-test.js', import.meta.url).pathname);
plugin({
  name: 'tests',
  setup(build) {
    build.onLoad({ filter: /[\\/]tests[\\/]js[\\/][^\\/]*\.js$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replaceAll("'node:test'", own),
      loader: 'js',
    }));
  },
});
