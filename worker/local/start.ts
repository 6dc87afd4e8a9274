/**
 * `npm start`: the mirror on one machine.
 *
 * @module
 */
import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { USAGE, UsageError, parseArguments } from "./arguments.ts";
import { renderBanner } from "./banner.ts";
import { type LocalMirror, startMirror } from "./mirror.ts";
import { findObstacle } from "./port.ts";

/** As often as wrangler.toml has it. */
const UPKEEP_EVERY_MS = 3_600_000;

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
  const obstacle = await findObstacle(host, port);
  if (obstacle !== null) throw new UsageError(obstacle);

  const mirror = await startMirror({ ...options, data });
  // Miniflare's own handlers would end the process at once, in the middle of open answers.
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.removeAllListeners(signal);
    process.once(signal, () => {
      void mirror.stop().then(() => process.exit(0));
    });
  }
  const problem = await findProblem(mirror.url);
  if (problem !== null) {
    await mirror.stop();
    throw new UsageError(problem);
  }
  keepUp(mirror);
  const { variables } = options;
  process.stdout.write(
    renderBanner({ host, port: Number(mirror.url.port || 80), data, variables }),
  );
}

/** No cron trigger comes on one machine: it is done now and every hour. */
function keepUp(mirror: LocalMirror): void {
  const run = (): void => {
    mirror.runScheduled().catch((error: unknown) => {
      process.stderr.write(`tidepool: the store was not looked after: ${String(error)}\n`);
    });
  };
  run();
  setInterval(run, UPKEEP_EVERY_MS).unref();
}

/** The Worker reads its variables at the first request: ask once, so that a wrong one stops it here. */
async function findProblem(url: URL): Promise<string | null> {
  const response = await fetch(new URL("/healthz", url));
  if (response.ok) return null;
  const body = (await response.json()) as { errors?: { message?: string }[] };
  return body.errors?.[0]?.message ?? `the mirror answered ${response.status}`;
}
