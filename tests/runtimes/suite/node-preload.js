/** On Node 22 and later the tests' `node:test` is ours, too, so that their results are reported as on other runtimes. */
import { registerHooks } from 'node:module';

const url = new URL('./node-test.js', import.meta.url).href;
registerHooks({
  resolve: (specifier, context, next) =>
    specifier === 'node:test' ? { url, format: 'module', shortCircuit: true } : next(specifier, context),
});
