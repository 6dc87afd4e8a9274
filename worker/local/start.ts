/**
 * `npm start`: the mirror on one machine.
 *
 * @module
 */
import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { USAGE, UsageError, parseArguments } from "./arguments.ts";
import { startMirror } from "./mirror.ts";
import { isPortFree } from "./port.ts";

try {
  await main();
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`tidepool: ${error.message}\n\n${USAGE}`);
  process.exitCode = 2;
}

async function main(): Promise<void> {
  const options = parseArguments(process.argv.slice(2), process.env);
  if (options === null) {
    process.stdout.write(USAGE);
    return;
  }
  const { host, port } = options;
  const data = resolve(options.data);
  mkdirSync(data, { recursive: true });
  if (port !== 0 && !(await isPortFree(host, port)))
    throw new UsageError(`${host}:${port} is taken; choose another with --port`);

  const mirror = await startMirror({ ...options, data });
  await checkConfiguration(mirror.url);
  const url = mirror.url.origin;
  process.stdout.write(
    [
      `Tidepool mirrors Docker Hub at ${url}`,
      "",
      "  /etc/docker/daemon.json:",
      `    { "registry-mirrors": ["${url}"] }`,
      "",
      `  data: ${data}`,
      "  stop: Ctrl-C",
      "",
    ].join("\n"),
  );
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      void mirror.stop().then(() => process.exit(0));
    });
  }
}

/** The Worker reads its variables at the first request: ask once, so that a wrong one stops it here. */
async function checkConfiguration(url: URL): Promise<void> {
  const response = await fetch(new URL("/healthz", url));
  if (response.ok) return;
  throw new UsageError(`a variable is wrong: ${await response.text()}`);
}
