import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: ['test/**/*.test.ts'],
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // Many tests start processes: more workers than this only wait for each other.
    maxWorkers: 2,
    coverage: {
      provider: 'v8',
      reporter: ['text'],
      include: ['src/plan/**', 'src/reconcile/create.ts', 'src/reconcile/replace.ts', 'src/http/retry.ts'],
      thresholds: { branches: 100 },
    },
  },
});
