import type { Reporter, TestModule } from "vitest/node";

/** Closes a run with one plain line of counts, for readers that know no particular test runner. */
export default class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const count = { passed: 0, failed: 0, skipped: 0 };
    for (const module of modules) {
      let failed = 0;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === "failed") failed += 1;
        if (state !== "pending") count[state] += 1;
      }
      // A file that could not be loaded, or whose hooks failed, is a failure though no test of it is.
      if (!module.ok() && failed === 0) count.failed += 1;
    }
    process.stdout.write(
      `\n${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped\n`,
    );
  }
}
