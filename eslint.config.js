import js from '@eslint/js';
import globals from 'globals';

/** STYLE: an export without a comment is an unfinished one. tsc checks what the comment says. */
const documentedExports = {
  meta: { messages: { missing: 'This export has no JSDoc comment.' } },
  create(context) {
    return {
      ExportNamedDeclaration(node) {
        if (!node.declaration) return; // re-exports: documented where they are declared
        const before = context.sourceCode.getCommentsBefore(node).at(-1);
        if (before?.type !== 'Block' || !before.value.startsWith('*')) {
          context.report({ node, messageId: 'missing' });
        }
      },
    };
  },
};

const caps = {
  'max-lines': ['error', 400],
  'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
};

const faults = {
  'prefer-const': 'error',
  'no-var': 'error',
  eqeqeq: ['error', 'always', { null: 'ignore' }],
  'no-unused-vars': ['error', { argsIgnorePattern: '^_', caughtErrorsIgnorePattern: '^_' }],
  'no-constant-condition': ['error', { checkLoops: 'none' }],
  'require-atomic-updates': 'off', // reports every property written after an await
};

export default [
  {
    ignores: [
      'node_modules/',
      'build/',
      'types/',
      'wasm/',
      'js/generated/',
      'js/dist/',
      'demo/dist/',
      '.toolchain/',
      '.cache/',
    ],
  },
  js.configs.recommended,
  {
    files: ['**/*.js', '**/*.mjs', 'bin/wasmpool-config'],
    plugins: { wasmpool: { rules: { 'documented-exports': documentedExports } } },
    languageOptions: {
      ecmaVersion: 2024,
      sourceType: 'module',
      globals: { ...globals['shared-node-browser'] },
    },
    rules: { ...caps, ...faults },
  },
  {
    files: ['js/**/*.js'],
    languageOptions: { globals: { SharedArrayBuffer: 'readonly', Atomics: 'readonly' } },
    rules: { 'wasmpool/documented-exports': 'error' },
  },
  {
    // The only code that knows which host it runs on, and programs that are Node's or a browser's.
    files: [
      'js/host/**',
      'js/entry/**',
      'js/cli/**',
      'bin/**',
      'scripts/**',
      'tests/**',
      'demo/**',
      'bench/**',
      'examples/**',
    ],
    languageOptions: { globals: { ...globals.node, ...globals.browser } },
  },
  {
    // A describe() block is a chapter, not a function.
    files: ['tests/**'],
    rules: { 'max-lines-per-function': 'off', 'max-lines': ['error', 600] },
  },
  {
    files: ['tests/**', 'demo/**'],
    // Handlers that never return are what the pool is tested with.
    rules: {
      'no-empty': 'off',
      'no-unused-vars': ['error', { args: 'none', caughtErrors: 'none' }],
    },
  },
];
