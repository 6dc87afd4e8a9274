import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type MirrorParts, startMirror } from "../../worker/local/mirror.ts";

/** A mirror under test, on data of its own. */
export interface TestMirror {
  readonly url: URL;
  readonly data: string;
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /**
   * Stops it and starts it again on the same data and port.
   *
   * @param whileDown - done in between
   * @param changed - variables in place of those it had
   */
  restart(whileDown?: (() => void) | null, changed?: Record<string, string>): Promise<void>;
  stop(): Promise<void>;
  /** Does what the cron trigger does. */
  runScheduled(): Promise<void>;
}

/** `TIDEPOOL_TEST_BLOBS=files`: blobs as `npm start` has them; else as where the Worker is deployed. */
const BLOBS = process.env["TIDEPOOL_TEST_BLOBS"] === "files" ? "files" : "r2";

/** Starts the real Worker on workerd, in a folder that goes away with it. */
export async function startTestMirror(
  variables: Record<string, string>,
  parts: MirrorParts = {},
): Promise<TestMirror> {
  const made = { blobs: BLOBS, ...parts } as const;
  const data = await mkdtemp(join(tmpdir(), "tidepool-test-"));
  const options = { host: "127.0.0.1", data, variables: { ACCESS: "open", ...variables } };
  let mirror = await startMirror({ ...options, port: 0 }, made);
  const { url } = mirror;
  return {
    url,
    data,
    fetch: (path, init) => fetch(new URL(path, url), init),
    async restart(whileDown, changed = options.variables) {
      await mirror.stop();
      whileDown?.();
      const again = { ...options, variables: changed, port: Number(url.port) };
      mirror = await startMirror(again, made);
    },
    runScheduled: () => mirror.runScheduled(),
    async stop() {
      await mirror.stop();
      await rm(data, { recursive: true, force: true });
    },
  };
}
