import tseslint from 'typescript-eslint';

export default tseslint.config(
  {ignores: ['dist/', 'build/', 'runs/', '.cache/', 'node_modules/', '**/*.html']},
  ...tseslint.configs.recommended,
  {
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': [
        'error',
        {argsIgnorePattern: '^_', varsIgnorePattern: '^_'},
      ],
      '@typescript-eslint/no-require-imports': 'off',
      eqeqeq: ['error', 'always', {null: 'ignore'}],
      'prefer-const': 'error',
      'no-console': ['error', {allow: ['warn', 'error']}],
    },
  },
  {
    files: ['scripts/**', 'src/cli/**', 'test/run.ts', 'benchmarks/**', 'examples/**'],
    rules: {'no-console': 'off'},
  },
);
