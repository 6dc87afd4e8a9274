import { describe, expect, it } from "vitest";
import { digest, images, read } from "./read.ts";

const ID = `sha256:${"1".repeat(64)}`;
const STAMP = "2026-09-26T10:42:49.140140Z";

describe("what the runner pulls", () => {
  it("is read from an old log with colours and erase sequences", () => {
    const log = [
      "\x1b[0KRunning with gitlab-runner 13.12.0-rc1 (b21d5c5b)",
      '\x1b[0;msection_start:1621524382:prepare_executor\r\x1b[0K\x1b[0K\x1b[36;1mPreparing the "docker" executor\x1b[0;m',
      "\x1b[0;m\x1b[0KUsing Docker executor with image python:3.12-slim ...",
      "\x1b[0;m\x1b[0KStarting service postgres:16 ...",
      "\x1b[0;m\x1b[0KPulling docker image postgres:16 ...",
      `\x1b[0;m\x1b[0KUsing docker image ${ID} for postgres:16 with digest postgres@${digest("aa")} ...`,
      "\x1b[0;m\x1b[0KPulling docker image python:3.12-slim ...",
      `\x1b[0;m\x1b[0KUsing docker image ${ID} for python:3.12-slim with digest python@${digest("bb")} ...`,
      "\x1b[0;msection_end:1621524429:prepare_executor\r\x1b[0Ksection_start:1621524429:step_script\r\x1b[0K",
      `\x1b[0KUsing docker image ${ID} for python:3.12-slim with digest python@${digest("bb")} ...`,
      "\x1b[32;1m$ python --version\x1b[0;m",
    ].join("\n");
    expect(images(read(log))).toEqual([
      "runner:runner docker.io/library/python:3.12-slim asked bb00",
      "runner:runner docker.io/library/postgres:16 asked aa00",
    ]);
  });

  it("is read from a new log with timestamps, streams and continued lines", () => {
    const log = [
      `${STAMP} 00O section_start:1790419369:prepare_executor\r\x1b[0K`,
      `${STAMP} 00O+\x1b[0K\x1b[36;1mPreparing the "docker+machine" executor\x1b[0;m\x1b[0;m`,
      `${STAMP} 00O \x1b[0KUsing Docker executor with image node:22-alpine ...\x1b[0;m`,
      `${STAMP} 00O \x1b[0KUsing effective pull policy of [always] for container node:22-alpine\x1b[0;m`,
      `${STAMP} 00O \x1b[0KPulling docker image node:22-alpine for platform linux/amd64 ...\x1b[0;m`,
      `${STAMP} 00O \x1b[0KUsing docker image ${ID} for node:22-alpine with digest node@${digest("cc")} ...\x1b[0;m`,
      `${STAMP} 00O section_end:1790419374:prepare_executor\r\x1b[0K`,
      `${STAMP} 00O+section_start:1790419374:step_script[collapsed=true]\r\x1b[0K`,
    ].join("\n");
    const trace = read(log);
    expect(images(trace)).toEqual(["runner:runner docker.io/library/node:22-alpine asked cc00"]);
    expect(trace.images[0]?.evidence[0]).toEqual({
      line: 3,
      anchor: 2,
      text: "Using Docker executor with image node:22-alpine ...",
      atMs: Date.parse("2026-09-26T10:42:49.140Z"),
    });
    expect(trace.lines).toBe(8);
  });

  it("is told apart from an image that was on the runner already", () => {
    const log = [
      "Using Docker executor with image alpine:3 ...",
      'Using locally found image version due to "if-not-present" pull policy',
      `Using docker image ${ID} for alpine:3 with digest alpine@${digest("dd")} ...`,
      "Pulling docker image redis:7 ...",
      `Using docker image ${ID} for redis:7 with digest redis@${digest("ee")} ...`,
    ].join("\n");
    expect(images(read(log))).toEqual([
      "runner:runner docker.io/library/alpine:3 local dd00",
      "runner:runner docker.io/library/redis:7 asked ee00",
    ]);
  });

  it("counts as failed when the pull fails, and as asked when a retry succeeds", () => {
    const failing = [
      "Pulling docker image nosuch:1 ...",
      'WARNING: Failed to pull image "nosuch:1" (attempt #1), retrying: manifest unknown',
      'ERROR: Job failed: failed to pull image "nosuch:1" with specified policies [always]',
    ];
    expect(images(read(failing.join("\n")))).toEqual([
      "runner:runner docker.io/library/nosuch:1 failed",
    ]);
    const mended = [
      "Pulling docker image alpine:3 ...",
      'WARNING: Failed to pull image "alpine:3" (attempt #1), retrying: timeout',
      `Using docker image ${ID} for alpine:3 with digest alpine@${digest("dd")} ...`,
    ];
    expect(images(read(mended.join("\n")))).toEqual([
      "runner:runner docker.io/library/alpine:3 asked dd00",
    ]);
  });

  it("has no digest in the logs of runner 11, and an ID without algorithm in some", () => {
    const log = `Using docker image ${ID} for alpine:3.7 ...\nUsing docker image ${"2".repeat(64)} for alpine:3.8 ...`;
    expect(images(read(log))).toEqual([
      "runner:runner docker.io/library/alpine:3.7 named",
      "runner:runner docker.io/library/alpine:3.8 named",
    ]);
  });

  it("is the kubelet's work under the kubernetes executor, seen in pod events", () => {
    const log = [
      'Preparing the "kubernetes" executor',
      "Using Kubernetes executor with image maven:3-eclipse-temurin-21 ...",
      "Using effective pull policy of [always] for container build",
      "Using effective pull policy of [] for container svc-0",
      "Type     Reason      Message",
      'Normal   Pulling   Pulling image "docker:24-dind"',
      'Normal   Pulled   Successfully pulled image "docker:24-dind" in 3.2s (3.2s including waiting)',
      'Normal   Pulled   Container image "redis:7" already present on machine',
      'Warning   Failed   Failed to pull image "nosuch:1": rpc error: not found',
    ].join("\n");
    expect(images(read(log))).toEqual([
      "runner:kubernetes docker.io/library/maven:3-eclipse-temurin-21 named",
      "runner:kubernetes docker.io/library/docker:24-dind downloaded",
      "runner:kubernetes docker.io/library/redis:7 local",
      "runner:kubernetes docker.io/library/nosuch:1 failed",
    ]);
  });

  it("is not what a script prints in the runner's words", () => {
    const words = "Pulling docker image evil:1 ...\nUsing Docker executor with image evil:2 ...";
    expect(images(read(`$ ./test-the-runner.sh\n${words}`))).toEqual([]);
    const stamped = words.split("\n").map((line) => `${STAMP} 01O ${line}`);
    expect(images(read(stamped.join("\n")))).toEqual([]);
    const section = "section_start:1:my_tests\r\x1b[0KTests";
    expect(images(read(`$ ./test.sh\n${section}\n${words}`))).toEqual([]);
  });

  it("is heard again after a script where a log was copied out of the browser", () => {
    for (const heading of [
      'Executing "after_script" stage of the job script',
      "Running after_script",
    ])
      expect(images(read(`$ make\n${heading}\nPulling docker image alpine:3 ...`))).toEqual([
        "runner:runner docker.io/library/alpine:3 asked",
      ]);
    const words = "Running after_script of image x\nPulling docker image alpine:3 ...";
    expect(images(read(`$ make\n${words}`))).toEqual([]);
  });

  it("yields a note for dind services and for the flag that drops a service's command", () => {
    const trace = read(
      "  feature flags: FF_KUBERNETES_HONOR_ENTRYPOINT:true\nStarting service docker:24.0.5-dind...\n",
    );
    expect(trace.notes.map(({ kind }) => kind)).toEqual(["honor-entrypoint", "dind"]);
    expect(images(trace)).toEqual(["runner:runner docker.io/library/docker:24.0.5-dind named"]);
  });

  it("is read when a resumed job says nothing of images", () => {
    expect(images(read("Resuming Docker executor...\n$ make\n"))).toEqual([]);
  });
});
