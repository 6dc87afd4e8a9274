import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

const test = {
  setupFiles: ["./helpers/property-seed.ts"],
  testTimeout: 30_000,
  hookTimeout: 30_000,
};

/** Everything that needs Node alone. Real clients and benchmarks have commands of their own. */
export default defineConfig({
  cacheDir: "../node_modules/.vite",
  test: {
    // Most tests wait for a mirror, a deadline or a silent upstream: one processor carries more than one file.
    maxWorkers: Math.max(3, availableParallelism()),
    reporters: ["default", "./helpers/count-reporter.ts"],
    projects: [
      { test: { ...test, name: "r2", include: ["{worker,bot,contract,deploy}/**/*.test.ts"] } },
      // Again, with blobs as `npm start` has them, what comes near a store.
      {
        test: {
          ...test,
          name: "files",
          include: ["worker/routes/{blobs,inventory,scheduled,private}.test.ts"],
          env: { TIDEPOOL_TEST_BLOBS: "files" },
        },
      },
    ],
  },
});
