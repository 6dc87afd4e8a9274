import { defineConfig } from "vitest/config";

/** Everything that needs Node alone. Real clients and benchmarks have commands of their own. */
export default defineConfig({
  cacheDir: "../node_modules/.vite",
  test: {
    include: ["{worker,bot,contract,deploy}/**/*.test.ts"],
    setupFiles: ["./helpers/property-seed.ts"],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    reporters: ["default", "./helpers/count-reporter.ts"],
  },
});
