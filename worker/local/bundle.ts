import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/**
 * Bundles the Worker as `wrangler deploy` does, into one ES module.
 *
 * @param entry - the entry where it is not the Worker's own
 */
export async function bundleWorker(
  entry: URL = new URL("../index.ts", import.meta.url),
): Promise<string> {
  const result = await build({
    entryPoints: [fileURLToPath(entry)],
    bundle: true,
    format: "esm",
    target: "es2024",
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:workers"],
    write: false,
    logLevel: "silent",
  });
  const [file] = result.outputFiles;
  if (file === undefined) throw new Error("esbuild gave no output");
  return file.text;
}
