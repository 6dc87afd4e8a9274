import { describe, expect, it } from "vitest";
import { images, read } from "./read.ts";

describe("kaniko", () => {
  it("asks Docker Hub itself: a bypass", () => {
    const log = [
      "\x1b[36mINFO\x1b[0m[0000] Retrieving image manifest python:3.12-slim",
      "\x1b[36mINFO\x1b[0m[0000] Retrieving image python:3.12-slim from registry index.docker.io",
      "INFO[0001] Retrieving image manifest python:3.12-slim",
      "INFO[0001] Returning cached image manifest",
    ];
    expect(images(read(log.join("\n")))).toEqual([
      "kaniko docker.io/library/python:3.12-slim downloaded bypass at 2",
    ]);
  });

  it("asks a mirror, by the words of old and new versions", () => {
    const log = [
      "INFO[0000] Retrieving image manifest python:3.12",
      "INFO[0000] Retrieving image mirror.example.dev/library/python:3.12 from registry mirror mirror.example.dev",
      'time="2026-01-01T00:00:00Z" level=info msg="Retrieving image manifest node:22"',
      'time="2026-01-01T00:00:00Z" level=info msg="Retrieving image mirror.example.dev/library/node:22 from mapped registry mirror.example.dev"',
      "INFO[0003] Retrieving image manifest gcr.io/distroless/static:nonroot",
      "INFO[0003] Retrieving image gcr.io/distroless/static:nonroot from registry gcr.io",
    ];
    expect(images(read(log.join("\n")))).toEqual([
      "kaniko docker.io/library/python:3.12 asked via mirror.example.dev",
      "kaniko docker.io/library/node:22 asked via mirror.example.dev",
      "kaniko gcr.io/distroless/static:nonroot asked via gcr.io",
    ]);
  });

  it("falls back to Docker Hub when its mirror fails, which is a bypass and says why", () => {
    const log = [
      "INFO[0000] Retrieving image manifest python:3.12",
      "INFO[0000] Retrieving image mirror.example.dev/library/python:3.12 from mapped registry mirror.example.dev",
      "WARN[0000] Failed to retrieve image mirror.example.dev/library/python:3.12 from remapped registry mirror.example.dev: 503. Will try with the next registry, or fallback to the original registry.",
      "INFO[0001] Retrieving image python:3.12 from registry index.docker.io",
    ];
    const trace = read(log.join("\n"));
    expect(images(trace)).toEqual([
      "kaniko docker.io/library/python:3.12 downloaded via mirror.example.dev bypass at 4",
    ]);
    expect(trace.notes).toMatchObject([{ kind: "mirror-failed", evidence: { line: 3 } }]);
  });
});

describe("kaniko's words", () => {
  it("name what is wanted before it is had", () => {
    expect(images(read("INFO[0000] Retrieving image manifest python:3.12"))).toEqual([
      "kaniko docker.io/library/python:3.12 named",
    ]);
  });

  it("keep a name that the mirror's host does not stand before", () => {
    const asked = "from mapped registry mirror.example.dev";
    expect(images(read(`INFO[0001] Retrieving image python:3.12 ${asked}`))).toEqual([
      "kaniko docker.io/library/python:3.12 asked via mirror.example.dev",
    ]);
  });

  it("are none in a report that quotes them", () => {
    const words = "Retrieving image python:3.12 from registry index.docker.io";
    for (const before of ["> INFO[0001] ", "", "WARN[0001] ", "x [INFO] "])
      expect(images(read(`${before}${words}`))).toEqual([]);
    for (const line of [`[INFO] ${words}`, `{"level":"info","msg":"${words}","time":"x"}`])
      expect(images(read(line))).toEqual([
        "kaniko docker.io/library/python:3.12 downloaded bypass at 1",
      ]);
  });
});

describe("podman and buildah", () => {
  it("say nothing of an image that was not tried", () => {
    expect(images(read("Getting image source signatures\nCopying blob 2408cc74d12b done"))).toEqual(
      [],
    );
  });

  it("are read with what was copied and what they had", () => {
    const log = [
      "STEP 1/2: FROM alpine",
      'Resolved "alpine" as an alias (/etc/containers/registries.conf.d/000-shortnames.conf)',
      "Trying to pull docker.io/library/alpine:latest...",
      "Getting image source signatures",
      `Copying blob ${"5843afab3874".padEnd(12, "0")} done`,
      "Writing manifest to image destination",
      "Trying to pull docker.io/library/redis:7...",
      "Getting image source signatures",
      "Copying blob 2408cc74d12b skipped: already exists",
    ];
    expect(images(read(log.join("\n")))).toEqual([
      "podman docker.io/library/alpine:latest downloaded",
      "podman docker.io/library/redis:7 asked",
    ]);
  });

  it("try a short name at one registry after another", () => {
    const log = [
      "Trying to pull registry.fedoraproject.org/httpd:latest...",
      "Trying to pull docker.io/library/httpd:latest...",
      "Getting image source signatures",
      "Copying blob sha256:" + "a".repeat(64),
    ];
    expect(images(read(log.join("\n")))).toEqual([
      "podman registry.fedoraproject.org/httpd:latest failed",
      "podman docker.io/library/httpd:latest downloaded",
    ]);
  });
});

describe("Docker Hub's refusals", () => {
  it("are counted in the old wording and the new", () => {
    const trace = read(
      [
        "ERROR: Preparation failed: Error response from daemon: toomanyrequests: You have reached your pull rate limit. You may increase the limit",
        "toomanyrequests: You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit",
        "toomanyrequests: Rate exceeded",
      ].join("\n"),
    );
    expect(trace.rateLimits.count).toBe(2);
    expect(trace.rateLimits.evidence.map(({ line }) => line)).toEqual([1, 2]);
  });
});

describe("a dind service's own log", () => {
  it("tells that the mirror was tried and failed, and names no image of its own", () => {
    const stamp = "2026-09-26T10:42:49.140140Z";
    const trace = read(
      [
        `${stamp} 0fO [service:docker] time="…" level=info msg="Attempting next endpoint for pull after error: Get \\"https://user:secret@mirror.example.dev/t/abcdef123/v2/\\": EOF"`,
        `${stamp} 0fO 3: Pulling from library/alpine`,
      ].join("\n"),
    );
    expect(images(trace)).toEqual([]);
    expect(trace.notes).toMatchObject([{ kind: "mirror-failed", count: 1 }]);
    const text = trace.notes[0]?.evidence.text ?? "";
    expect(text).not.toContain("secret@");
    expect(text).not.toContain("abcdef123");
  });
});

describe("other tools' logs", () => {
  it("of gitlab-ci-local yield nothing: it is no runner", () => {
    const log = [
      "build               starting docker:latest (build)",
      "build               pulled docker:latest in 61 ms",
      "build               started service image: docker:dind with aliases: docker, docker in 567 ms",
    ];
    expect(images(read(log.join("\n")))).toEqual([]);
  });
});
