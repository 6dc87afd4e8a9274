import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const START = fileURLToPath(new URL("../../worker/local/start.ts", import.meta.url));

/** `npm start` as a process of its own, which can be killed. */
export interface MirrorProcess {
  readonly url: URL;
  readonly output: () => string;
  /** The process and workerd below it, as the kernel sees them now: bytes of memory. */
  residentBytes(): number;
  /** Ends it the polite way. @returns its exit code */
  terminate(): Promise<number | null>;
  /** Ends it and workerd at once, as a power cut would. */
  kill(): Promise<void>;
}

/** Starts the mirror as a user would, on the given arguments and with more in the environment. */
export async function spawnMirror(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<MirrorProcess> {
  const child = spawn(process.execPath, [START, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...environment },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (bytes: Buffer) => (output += bytes.toString()));
  const url = await new Promise<string>((resolve, reject) => {
    child.once("exit", (code) => reject(new Error(`npm start ended with ${code}: ${output}`)));
    child.stdout.on("data", () => {
      const found = /at (http:\S+)/.exec(output)?.[1];
      if (found !== undefined && output.includes("stop:")) resolve(found);
    });
  });
  return {
    url: new URL(url),
    output: () => output,
    residentBytes: () => family(child).reduce((sum, pid) => sum + residentBytesOf(pid), 0),
    async terminate() {
      const exit = once(child, "exit");
      child.kill("SIGTERM");
      const [code] = (await exit) as [number | null];
      return code;
    },
    async kill() {
      const exit = once(child, "exit");
      for (const pid of family(child)) process.kill(pid, "SIGKILL");
      await exit;
    },
  };
}

/** The process and its descendants. */
function family(child: ChildProcess): number[] {
  const found = [child.pid ?? 0];
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const stat = readOrEmpty(`/proc/${name}/stat`);
    parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
  }
  for (const pid of found) for (const [of, parent] of parents) if (parent === pid) found.push(of);
  return found;
}

function residentBytesOf(pid: number): number {
  const match = /VmRSS:\s+(\d+) kB/.exec(readOrEmpty(`/proc/${pid}/status`));
  return Number(match?.[1] ?? 0) * 1024;
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
