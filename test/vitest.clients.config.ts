import { defineConfig } from "vitest/config";

/** The real clients; each skips with a message where it is not installed. */
export default defineConfig({
  cacheDir: "../node_modules/.vite",
  test: {
    include: ["clients/**/*.test.ts"],
    // Each file has daemons, folders and ports of its own, and waits for them most of its time.
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    reporters: ["default", "./helpers/count-reporter.ts"],
  },
});
