import { defineConfig } from "vitest/config";

/** What the mirror does when others fail, crash and crowd. Needs Node alone, and the machine for itself. */
export default defineConfig({
  cacheDir: "../node_modules/.vite",
  test: {
    include: ["faults/**/*.test.ts"],
    testTimeout: 300_000,
    hookTimeout: 60_000,
    fileParallelism: false,
    reporters: ["default", "./helpers/count-reporter.ts"],
  },
});
