import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ROLE, type Project } from "../../helpers/fake-gitlab/model.ts";
import { scanText } from "../../helpers/fake-gitlab/text-effects.ts";
import { startGitLab, type Setup } from "../../helpers/gitlab-setup.ts";

let setup: Setup;
let project: Project;

beforeEach(async () => {
  setup = await startGitLab();
  setup.gitlab.validate = null;
  project = setup.gitlab.world.addProject("acme/app", { files: { a: "1\n2\n3\n", b: "b" } });
});

afterEach(async () => {
  expect(setup.gitlab.complaints).toEqual([]);
  await setup.gitlab.stop();
});

async function call(
  method: string,
  path: string,
  options: { body?: object; token?: string | null } = {},
): Promise<{ status: number; json: unknown; text: string; headers: Headers }> {
  const { body, token = setup.token.secret } = options;
  const response = await fetch(`${setup.gitlab.url}/api/v4${path}`, {
    method,
    headers: { "Content-Type": "application/json", ...(token ? { "PRIVATE-TOKEN": token } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  const text = await response.text();
  const isJson = response.headers.get("content-type") === "application/json" && text !== "";
  const json: unknown = isJson ? JSON.parse(text) : null;
  return { status: response.status, json, text, headers: response.headers };
}

const APP = "/projects/acme%2Fapp";

describe("the stand-in's access", () => {
  it("hides what may not be seen: 404 with a token, 401 without", async () => {
    setup.gitlab.world.addProject("secret/app", { files: { a: "a" } });
    const hidden = await call("GET", "/projects/secret%2Fapp");
    expect([hidden.status, hidden.json]).toEqual([404, { message: "404 Project Not Found" }]);
    expect((await call("GET", "/projects/nope%2Fnope")).json).toEqual(hidden.json);
    expect((await call("GET", APP, { token: null })).status).toBe(401);
  });

  it("shows a public project to anybody, and lets nobody write to it", async () => {
    setup.gitlab.world.addProject("open/app", { files: { a: "a" }, visibility: "public" });
    const open = "/projects/open%2Fapp";
    expect((await call("GET", open, { token: null })).status).toBe(200);
    expect((await call("GET", `${open}/repository/tree`, { token: null })).status).toBe(200);
    const body = { title: "t", source_branch: "main", target_branch: "x" };
    expect((await call("POST", `${open}/merge_requests`, { body })).status).toBe(403);
  });

  it("refuses what a role may not do", async () => {
    const guests = setup.gitlab.world.addGroup("guests", [[setup.bot, ROLE.guest]]);
    setup.gitlab.world.addProject("guests/app", { files: { a: "a" } });
    const path = `/projects/${guests.path}%2Fapp`;
    expect((await call("GET", path)).status).toBe(200);
    expect((await call("GET", `${path}/repository/tree`)).status).toBe(403);
    const actions = [{ action: "update", file_path: "a", content: "x" }];
    const body = { branch: "main", commit_message: "m", actions };
    expect((await call("POST", `${APP}/repository/commits`, { body })).status).toBe(403);
  });

  it("refuses a read_api token that writes, in OAuth's words", async () => {
    const token = setup.gitlab.world.addToken(setup.bot, ["read_api"]).secret;
    const { status, json } = await call("POST", `${APP}/labels`, { token, body: { name: "x" } });
    expect(status).toBe(403);
    expect(json).toMatchObject({ error: "insufficient_scope" });
  });
});

function update(path: string, more: object = {}) {
  return { action: "update", file_path: path, content: "new", ...more };
}

function commit(body: object) {
  return call("POST", `${APP}/repository/commits`, { body });
}

describe("the stand-in's commits", () => {
  it("are all or nothing", async () => {
    const actions = [update("a"), update("gone")];
    const { status } = await commit({
      branch: "w",
      start_branch: "main",
      commit_message: "m",
      actions,
    });
    expect(status).toBe(400);
    expect(project.repository.branches.has("w")).toBe(false);
    expect(project.repository.commits.size).toBe(1);
  });

  it("keep a file's bytes and mode", async () => {
    const { world } = setup.gitlab;
    world.push(project, "main", { files: { run: "#!/bin/sh\n" }, executable: true });
    const bytes = Buffer.from([0xef, 0xbb, 0xbf, 0x0d, 0x0a, 0xff]);
    const content = bytes.toString("base64");
    const actions = [update("run", { content, encoding: "base64" })];
    await commit({ branch: "w", start_branch: "main", commit_message: "m", actions });
    const file = project.repository.resolve("w")?.files.get("run");
    expect(file).toMatchObject({ content: bytes, executable: true });
  });

  it("on a guarded file are refused after the default branch has changed it, and not after others changed", async () => {
    const base = project.repository.branches.get("main");
    const body = (branch: string) => ({
      branch,
      start_sha: base,
      commit_message: "m",
      actions: [update("a", { last_commit_id: base })],
    });
    setup.gitlab.world.push(project, "main", { files: { b: "other" } });
    expect((await commit(body("one"))).status).toBe(201);
    setup.gitlab.world.push(project, "main", { files: { a: "other" } });
    expect((await commit(body("two"))).status).toBe(400);
  });
});

async function open() {
  setup.gitlab.world.push(project, "work", { files: { a: "1\n2\n3\n4\n" } });
  const body = { title: "t", source_branch: "work", target_branch: "main" };
  return call("POST", `${APP}/merge_requests`, { body });
}

describe("the stand-in's merge requests", () => {
  it("close when their branch is deleted", async () => {
    await open();
    await call("DELETE", `${APP}/repository/branches/work`);
    expect(project.mergeRequests[0]?.state).toBe("closed");
  });

  it("are merged when their head arrives, and conflict when both sides changed the same lines", async () => {
    await open();
    const { world } = setup.gitlab;
    world.push(project, "main", { files: { a: "1\n2\n3\nfour\n" } });
    expect((await call("GET", `${APP}/merge_requests/1`)).json).toMatchObject({
      has_conflicts: true,
    });
    world.push(project, "main", { files: { a: "0\n1\n2\n3\n" } });
    expect((await call("GET", `${APP}/merge_requests/1`)).json).toMatchObject({
      has_conflicts: false,
    });
    const [merge] = project.mergeRequests;
    if (merge) world.merge(project, merge);
    expect(merge?.state).toBe("merged");
    const merged = project.repository.resolve("main")?.files.get("a")?.content.toString();
    expect(merged).toContain("4");
  });
});

async function* lines() {
  for (let i = 0; i < 1000; i += 1) yield `${"x".repeat(999)}\n`;
}

describe("the stand-in's pipelines", () => {
  it("stream a log of any size as text/plain", async () => {
    const { world } = setup.gitlab;
    const { jobs } = world.addPipeline(project, { jobs: [{ name: "big", trace: lines }] });
    const { text, headers } = await call("GET", `${APP}/jobs/${jobs[0]?.id}/trace`);
    expect([text.length, headers.get("content-type")]).toEqual([1_000_000, "text/plain"]);
  });

  it("list jobs without the retried ones unless asked, and bridges apart", async () => {
    const { id } = setup.gitlab.world.addPipeline(project, {
      jobs: [
        { name: "a", retried: true },
        { name: "a" },
        { name: "child", bridge: true, downstream: { projectId: 1, pipelineId: 2 } },
      ],
    });
    const count = async (path: string) => {
      const { json } = await call("GET", `${APP}/pipelines/${id}/${path}`);
      return (json as unknown[]).length;
    };
    expect(await count("jobs")).toBe(1);
    expect(await count("jobs?include_retried=true")).toBe(2);
    expect(await count("bridges")).toBe(1);
  });

  it("begin one for a status without pipeline_id", async () => {
    const { id, sha } = setup.gitlab.world.addPipeline(project);
    const post = (body: object) => call("POST", `${APP}/statuses/${sha}`, { body });
    await post({ state: "success", name: "tidepool/verify", pipeline_id: id });
    expect(project.pipelines).toHaveLength(1);
    await post({ state: "success", name: "tidepool/verify" });
    expect(project.pipelines).toHaveLength(2);
  });
});

describe("the stand-in's reader of texts", () => {
  it("sees quick actions, mentions and HTML where GitLab would act on them", () => {
    expect(scanText("hello @all\n/close\n<img src=x>")).toEqual({
      commands: ["/close"],
      mentions: ["all"],
      html: ["<img"],
    });
    expect(scanText("| `a|b @all` |").mentions).toEqual(["all"]);
    expect(scanText("` @all").mentions).toEqual(["all"]);
  });

  it("sees none in code, in comments, or within a line", () => {
    const quiet = { commands: [], mentions: [], html: [] };
    expect(scanText("`@all` and ``a ` @all`` <!-- @all -->")).toEqual(quiet);
    expect(scanText("```\n/close\n@all <img>\n```\n")).toEqual(quiet);
    expect(scanText("say /close, jane@example.com")).toEqual(quiet);
  });

  it("keeps what a comment set off", async () => {
    setup.gitlab.world.push(project, "work", { files: { a: "x" } });
    const body = {
      title: "t",
      source_branch: "work",
      target_branch: "main",
      description: "/close",
    };
    await call("POST", `${APP}/merge_requests`, { body });
    await call("POST", `${APP}/merge_requests/1/notes`, { body: { body: "hi @all" } });
    expect(setup.gitlab.world.textEvents.map(({ where }) => where)).toEqual([
      "description of 1",
      "note on 1",
    ]);
  });
});
