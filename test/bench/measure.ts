import { execFile } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { promisify } from "node:util";
import { TYPES } from "../helpers/images.ts";

const run = promisify(execFile);

/** Without it docker-registry would convert the manifest to schema 1 each time. */
const ACCEPT = `Accept: ${TYPES.dockerManifest}`;
const MANIFESTS_SECONDS = 4;
/** The kernel counts CPU time in hundredths of a second. */
const TICK_MS = 10;

/** What a measure found, by the name of what was measured, and what it should have been. */
export interface Row {
  readonly measure: string;
  readonly unit: string;
  readonly values: Readonly<Record<string, number>>;
  /** What is wanted, in words, and whether it was so; `null` where a figure is only reported. */
  readonly goal: { readonly text: string; readonly met: boolean } | null;
}

/** One that is measured. */
export interface Target {
  readonly name: string;
  readonly origin: string;
}

/** The middle one of the values. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Measures all in turn, `runs` times, so that a machine whose speed drifts treats them alike. @returns medians */
export async function compare(
  targets: readonly Target[],
  runs: number,
  measure: (target: Target) => Promise<number>,
): Promise<Record<string, number>> {
  const found = targets.map(({ name }) => ({ name, values: [] as number[] }));
  for (let turn = 0; turn < runs; turn += 1)
    for (const [place, target] of targets.entries())
      found[place]?.values.push(await measure(target));
  return Object.fromEntries(found.map(({ name, values }) => [name, median(values)]));
}

/** Asks as fast as 16 connections can. */
export async function requestsPerSecond(
  url: string,
): Promise<{ readonly perSecond: number; readonly requests: number }> {
  const flags = ["-t1", "-c16", `-d${MANIFESTS_SECONDS}s`, "-H", ACCEPT];
  const { stdout } = await run("wrk", [...flags, url]);
  if (/Non-2xx/.test(stdout)) throw new Error(`${url}: ${stdout}`);
  return {
    perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]),
    requests: Number(/(\d+) requests in/.exec(stdout)?.[1]),
  };
}

/**
 * Downloads by curl, following redirects as a client does.
 *
 * @param bytesPerSecond - no faster than that
 */
export async function download(
  url: string,
  options: { readonly bytesPerSecond?: number; readonly headers?: readonly string[] } = {},
): Promise<{ readonly seconds: number; readonly firstByteSeconds: number }> {
  const format = "%{http_code} %{time_total} %{time_starttransfer}";
  const limit =
    options.bytesPerSecond === undefined ? [] : ["--limit-rate", String(options.bytesPerSecond)];
  const headers = [ACCEPT, ...(options.headers ?? [])].flatMap((header) => ["-H", header]);
  const flags = ["-sL", "-o", "/dev/null", "-w", format, ...limit, ...headers];
  const { stdout } = await run("curl", [...flags, url]);
  const [status, seconds, first] = stdout.split(" ");
  if (status !== "200") throw new Error(`${url} answered ${status}`);
  return { seconds: Number(seconds), firstByteSeconds: Number(first) };
}

/** The workerd processes below this one. */
export function workerdProcesses(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => statOf(pid)?.[1] === String(process.pid) && nameOf(pid) === "workerd");
}

/** CPU time that a process has used, in milliseconds. */
export function cpuMs(pid: number): number {
  const fields = statOf(pid) ?? [];
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** Memory of a process that is in use now, in MB of a million bytes. */
export function residentMb(pid: number): number {
  const [, pages = "0"] = readFileSync(`/proc/${pid}/statm`, "utf8").split(" ");
  return (Number(pages) * 4096) / 1e6;
}

/** The fields of /proc/PID/stat after the name. */
function statOf(pid: number): string[] | null {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? null;
  } catch {
    return null;
  }
}

function nameOf(pid: number): string {
  return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
}
