import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { copyFile, cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { stringify } from "yaml";

const run = promisify(execFile);

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const GITLAB_CI_LOCAL = join(ROOT, "node_modules/.bin/gitlab-ci-local");

/** What `npm ci` fetched for this checkout need not be fetched again. */
const NPM = {
  npm_config_cache: process.env["npm_config_cache"] ?? join(homedir(), ".npm"),
  npm_config_prefer_offline: "true",
  // Whom this machine trusts, wherever its npm has that from.
  NODE_EXTRA_CA_CERTS: "/etc/ssl/certs/ca-certificates.crt",
};

/** How a pipeline ended, and all it printed. */
interface PipelineRun {
  readonly code: number;
  readonly stdout: string;
  readonly output: string;
}

/** A project with a pipeline, which gitlab-ci-local runs on this machine as GitLab Runner's shell executor would. */
export interface PipelineProject {
  readonly folder: string;
  gitlabCiLocal(
    args: readonly string[],
    env?: Readonly<Record<string, string>>,
  ): Promise<PipelineRun>;
}

/** Makes a project whose pipeline is one of the templates with these inputs. */
export async function createProject(
  folder: string,
  template: string,
  {
    inputs,
    files,
  }: {
    readonly inputs: Readonly<Record<string, string | boolean | number>>;
    readonly files?: Readonly<Record<string, string>>;
  },
): Promise<PipelineProject> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const pipeline = { include: [{ local: "/template.yml", inputs }] };
  await copyFile(join(ROOT, "templates", template), join(folder, "template.yml"));
  await writeFile(join(folder, ".gitlab-ci.yml"), stringify(pipeline));
  for (const [name, text] of Object.entries(files ?? {})) await writeFile(join(folder, name), text);
  const git = (...args: string[]) =>
    run("git", ["-c", "user.name=x", "-c", "user.email=x@x.example", ...args], { cwd: folder });
  await git("init", "-q", "-b", "main");
  await git("remote", "add", "origin", "git@gitlab.example:group/project.git");
  await git("add", "-A");
  await git("commit", "-q", "-m", "x");
  return { folder, gitlabCiLocal: (args, env = {}) => gitlabCiLocal(folder, args, env) };
}

function gitlabCiLocal(
  cwd: string,
  args: readonly string[],
  more: Readonly<Record<string, string>>,
): Promise<PipelineRun> {
  // The node that runs this test: the machine's own may be older than what the templates ask for.
  const path = `${dirname(process.execPath)}${delimiter}${process.env["PATH"] ?? ""}`;
  const env = { PATH: path, HOME: cwd, ...NPM, ...more };
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [GITLAB_CI_LOCAL, "--no-color", ...args],
      { cwd, env, maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : Number(error.code ?? 1);
        resolve({ code, stdout, output: `${stdout}${stderr}` });
      },
    );
  });
}

/** This checkout as a release: an archive as GitLab makes it, on loopback. */
export interface Release {
  readonly source: string;
  readonly sha256: string;
  close(): Promise<void>;
}

/** Packs every file that is to be committed, and serves it. */
export async function serveRelease(folder: string): Promise<Release> {
  const { stdout } = await run("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
    cwd: ROOT,
  });
  const names = stdout.split("\n").filter((name) => name !== "");
  const tree = join(folder, "tidepool-v0.0.0");
  for (const name of names)
    await cp(join(ROOT, name), join(tree, name), { recursive: true }).catch(() => undefined);
  const archive = join(folder, "tidepool.tar.gz");
  await run("tar", ["-C", folder, "-czf", archive, "tidepool-v0.0.0"]);
  const bytes = await readFile(archive);
  const server = createServer((_, response) => response.end(bytes));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    source: `http://127.0.0.1:${port}/tidepool.tar.gz`,
    sha256: createHash("sha256").update(bytes).digest("hex"),
    close: async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}
