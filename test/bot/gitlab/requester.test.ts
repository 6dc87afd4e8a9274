import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createApi } from "../../../bot/gitlab/api.ts";
import { GitLabError } from "../../../bot/gitlab/errors.ts";
import { addNote, listMergeRequests, lintContent } from "../../../bot/gitlab/merge-requests.ts";
import { findProject, listGroupProjects } from "../../../bot/gitlab/projects.ts";
import {
  APPLICATION_429,
  BARE_429,
  badGateway,
  every,
  first,
  rackAttack,
} from "../../helpers/fake-gitlab/faults.ts";
import type { MergeRequest, Project } from "../../helpers/fake-gitlab/model.ts";
import { startGitLab, type Setup } from "../../helpers/gitlab-setup.ts";
import { VirtualClock } from "../../helpers/virtual-clock.ts";

const PROJECT = { method: "GET", path: /^\/projects\/acme%2Fapp$/ };
const NOTES = { method: "POST", path: /\/notes$/ };

let setup: Setup;
let project: Project;
let clock: VirtualClock;

beforeEach(async () => {
  setup = await startGitLab();
  project = setup.gitlab.world.addProject("acme/app", { files: { "a.txt": "a" } });
  clock = new VirtualClock();
});

afterEach(async () => {
  await setup.gitlab.stop();
});

function openOne(): MergeRequest {
  const { world } = setup.gitlab;
  world.push(project, "work", { files: { "a.txt": "b" } });
  const merge: MergeRequest = {
    id: 1,
    iid: 1,
    author: setup.human,
    title: "Work",
    description: "",
    labels: [],
    sourceBranch: "work",
    targetBranch: "main",
    sha: project.repository.branches.get("work") ?? "",
    sourceProjectId: project.id,
    state: "opened",
    createdAt: world.now(),
    updatedAt: world.now(),
    closedAt: null,
    mergedAt: null,
    mergeCommitSha: null,
    notes: [],
    assignees: [],
    reviewers: [],
    removeSourceBranch: false,
    squash: false,
  };
  project.mergeRequests.push(merge);
  return merge;
}

async function failure(work: Promise<unknown>): Promise<GitLabError> {
  const error: unknown = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof GitLabError)) throw new Error(`no GitLabError but ${String(error)}`);
  return error;
}

describe("rate limits", () => {
  it("waits as long as Retry-After says", async () => {
    setup.gitlab.faults = [first(1, PROJECT, rackAttack(7))];
    await findProject(setup.api({ clock }), "acme/app");
    expect(clock.sleeps).toEqual([7000]);
  });

  it("waits 60 seconds where a 429 names no time, in plain text or as JSON", async () => {
    setup.gitlab.faults = [first(1, PROJECT, BARE_429), first(1, PROJECT, APPLICATION_429)];
    await findProject(setup.api({ clock }), "acme/app");
    expect(clock.sleeps).toEqual([60_000, 60_000]);
  });

  it("reads a Retry-After that is a date", async () => {
    const at = new Date(clock.now() + 9000).toUTCString();
    const fault = { ...rackAttack(0), headers: { "Retry-After": at } };
    setup.gitlab.faults = [first(1, PROJECT, fault)];
    await findProject(setup.api({ clock }), "acme/app");
    expect(clock.sleeps).toEqual([9000]);
  });

  it("holds back everybody else too", async () => {
    setup.gitlab.faults = [first(1, PROJECT, rackAttack(7))];
    const api = setup.api({ clock, concurrency: 1 });
    await Promise.all([findProject(api, "acme/app"), findProject(api, "acme/app")]);
    expect(setup.gitlab.log.map((one) => one.status)).toEqual([429, 200, 200]);
    expect(clock.sleeps).toEqual([7000]);
  });

  it("repeats a POST that was refused by a limit, and makes one comment", async () => {
    const { iid, notes } = openOne();
    setup.gitlab.faults = [first(2, NOTES, APPLICATION_429)];
    await addNote(setup.api({ clock }), { projectId: project.id, iid }, "hello");
    expect(notes.map((note) => note.body)).toEqual(["hello"]);
    expect(setup.gitlab.writes()).toHaveLength(3);
  });

  it("does not wait for longer than a quarter of an hour", async () => {
    setup.gitlab.faults = [first(1, PROJECT, rackAttack(3600))];
    const error = await failure(findProject(setup.api({ clock }), "acme/app"));
    expect(error).toMatchObject({ status: 429, effect: "none" });
    expect(clock.sleeps).toEqual([]);
  });

  it("gives up on a server that never stops refusing", async () => {
    setup.gitlab.faults = [every(1, BARE_429)];
    await failure(findProject(setup.api({ clock }), "acme/app"));
    expect(setup.gitlab.log).toHaveLength(30);
  });
});

describe("failures of server and network", () => {
  it("reads again after a 502, a cut connection and a 500, with growing waits", async () => {
    setup.gitlab.faults = [
      first(1, PROJECT, badGateway(false)),
      first(1, PROJECT, { kind: "drop", effect: false }),
      first(1, PROJECT, { kind: "answer", status: 500, effect: false }),
    ];
    expect(await findProject(setup.api({ clock }), "acme/app")).not.toBeNull();
    expect(clock.sleeps).toEqual([375, 750, 1500]);
  });

  it("stops reading after five tries", async () => {
    setup.gitlab.faults = [every(1, badGateway(false))];
    const error = await failure(findProject(setup.api({ clock }), "acme/app"));
    expect(setup.gitlab.log).toHaveLength(5);
    expect(error.message).toBe(
      "GitLab answered 502 to GET projects/acme%2Fapp: GitLab is not responding (502)",
    );
  });

  it.each([
    ["a 502 that took effect", badGateway(true), 1],
    ["a 502 that did not", badGateway(false), 0],
    ["a connection cut after the work", { kind: "drop", effect: true } as const, 1],
    ["a connection cut before it", { kind: "drop", effect: false } as const, 0],
  ])("never repeats a POST after %s, and says that nobody knows", async (_, fault, notes) => {
    const merge = openOne();
    setup.gitlab.faults = [first(1, NOTES, fault)];
    const place = { projectId: project.id, iid: merge.iid };
    const error = await failure(addNote(setup.api({ clock }), place, "hello"));
    expect(error.effect).toBe("unknown");
    expect(setup.gitlab.writes()).toHaveLength(1);
    expect(merge.notes).toHaveLength(notes);
  });

  it.each([
    ["409 Resource lock", 409, { message: "409 Conflict: Resource lock" }],
    [
      "400 source_branch does not exist",
      400,
      { message: { source_branch: ['"x" does not exist'] } },
    ],
  ])("repeats a POST after %s, which proves that nothing happened", async (_, status, body) => {
    const merge = openOne();
    const answer = { kind: "answer", status, effect: false, body: JSON.stringify(body) } as const;
    setup.gitlab.faults = [first(1, NOTES, answer)];
    await addNote(setup.api({ clock }), { projectId: project.id, iid: merge.iid }, "hello");
    expect(merge.notes).toHaveLength(1);
  });

  it("repeats CI lint, which is a POST that changes nothing", async () => {
    const lint = { method: "POST", path: /lint$/ };
    setup.gitlab.faults = [first(1, lint, badGateway(true))];
    const content = "build:\n  script: [make]\n";
    expect(await lintContent(setup.api({ clock }), project.id, content)).toMatchObject({
      valid: true,
    });
  });

  it("does not repeat a refusal", async () => {
    project.mergeRequestsAccess = "disabled";
    await failure(listMergeRequests(setup.api({ clock }), project.id, "x"));
    expect(setup.gitlab.log).toHaveLength(1);
  });

  it("ends at once when the run is stopped", async () => {
    const stop = new AbortController();
    setup.gitlab.faults = [every(1, { kind: "hang", effect: false })];
    const work = findProject(setup.api({ clock, signal: stop.signal }), "acme/app");
    stop.abort(new Error("stopped"));
    await expect(work).rejects.toThrow("stopped");
  });
});

describe("pages and redirects", () => {
  it("follows Link through every page, and holds one at a time", async () => {
    for (let i = 0; i < 250; i += 1) setup.gitlab.world.addProject(`acme/p${i}`);
    const sizes: number[] = [];
    for await (const page of listGroupProjects(setup.api({ clock }), "acme")) {
      sizes.push(page.length);
    }
    expect(sizes).toEqual([100, 100, 51]);
  });

  it("refuses a next page on another host, and sends nothing there", async () => {
    for (let i = 0; i < 150; i += 1) setup.gitlab.world.addProject(`acme/p${i}`);
    setup.gitlab.externalUrl = "https://gitlab.internal.example";
    const pages = listGroupProjects(setup.api({ clock }), "acme");
    const error = await failure(pages.next());
    expect(error.message).toContain("https://gitlab.internal.example");
    expect(setup.gitlab.log).toHaveLength(1);
  });

  it("never carries the token over a redirect to another host", async () => {
    const seen: unknown[] = [];
    const thief = createServer((request, response) => {
      seen.push(request.headers);
      response.end("{}");
    });
    await new Promise<void>((resolve) => {
      thief.listen(0, "127.0.0.1", resolve);
    });
    const location = `http://127.0.0.1:${(thief.address() as AddressInfo).port}/`;
    const fault = { kind: "answer", status: 302, effect: false, headers: { location } } as const;
    setup.gitlab.faults = [first(1, PROJECT, fault)];
    const error = await failure(findProject(setup.api({ clock }), "acme/app"));
    thief.close();
    expect(error.message).toContain("is GITLAB_URL right?");
    expect(seen).toEqual([]);
  });

  it("follows the redirect of a project that moved within GitLab", async () => {
    const location = `/api/v4/projects/${project.id}`;
    const fault = { kind: "answer", status: 301, effect: false, headers: { location } } as const;
    setup.gitlab.faults = [first(1, PROJECT, fault)];
    expect((await findProject(setup.api({ clock }), "acme/app"))?.id).toBe(project.id);
  });
});

describe("secrets and odd answers", () => {
  it("keeps the token out of a message even where a proxy prints it", async () => {
    const body = `denied: PRIVATE-TOKEN ${setup.token.secret}`;
    const fault = { kind: "answer", status: 403, effect: false, body, contentType: "text/plain" };
    setup.gitlab.faults = [first(1, PROJECT, fault as never)];
    const error = await failure(findProject(setup.api({ clock }), "acme/app"));
    expect(error.message).toContain("PRIVATE-TOKEN [token]");
    expect(JSON.stringify(error) + error.message).not.toContain(setup.token.secret);
  });

  it("refuses a GITLAB_URL with credentials without printing them", () => {
    const url = "https://root:hunter2@gitlab.example.com";
    const make = () => createApi({ url, token: "t" });
    expect(make).toThrow("GITLAB_URL must not carry a user name or password");
    expect(make).not.toThrow("hunter2");
  });

  it("says so where the answer is a sign-in page", async () => {
    const body = "<!DOCTYPE html><html><title>Sign in</title></html>";
    const fault = { kind: "answer", status: 200, effect: false, body, contentType: "text/html" };
    setup.gitlab.faults = [first(1, PROJECT, fault as never)];
    const error = await failure(findProject(setup.api({ clock }), "acme/app"));
    expect(error.message).toContain("the answer is not as expected");
  });

  it("shows no control characters of an answer", async () => {
    const body = JSON.stringify({ message: "no\u001b[31m\nway\u202e" });
    const fault = { kind: "answer", status: 403, effect: false, body };
    setup.gitlab.faults = [first(1, PROJECT, fault as never)];
    const error = await failure(findProject(setup.api({ clock }), "acme/app"));
    expect(error.detail).toBe("no [31m way");
  });
});
