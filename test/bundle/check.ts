/**
 * Bundles the Worker the way it is deployed and holds its size: `wrangler deploy --dry-run --minify`.
 *
 * @module
 */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";

/** Cloudflare's own limit is 3 MB compressed on the free plan; a mirror needs a fraction of it. */
const MAX_KIB = 400;
const MAX_GZIP_KIB = 130;

const root = fileURLToPath(new URL("../..", import.meta.url));
const out = await mkdtemp(join(tmpdir(), "tidepool-bundle-"));
try {
  const args = ["wrangler", "deploy", "--dry-run", "--minify", "--outdir", out];
  const env = {
    ...process.env,
    WRANGLER_SEND_METRICS: "false",
    CLOUDFLARE_CF_FETCH_ENABLED: "false",
    CI: "1",
  };
  await promisify(execFile)("npx", args, { cwd: root, env });
  const bundle = await readFile(join(out, "index.js"));
  const kib = bundle.byteLength / 1024;
  const gzipKib = gzipSync(bundle).byteLength / 1024;
  process.stdout.write(`bundle: ${kib.toFixed(1)} KiB, ${gzipKib.toFixed(1)} KiB compressed\n`);
  if (kib > MAX_KIB || gzipKib > MAX_GZIP_KIB) {
    process.stderr.write(`bundle: over ${MAX_KIB} KiB or ${MAX_GZIP_KIB} KiB compressed\n`);
    process.exitCode = 1;
  }
} finally {
  await rm(out, { recursive: true, force: true });
}
