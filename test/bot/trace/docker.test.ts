import { describe, expect, it } from "vitest";
import { digest, images, read } from "./read.ts";

function block(name: string, hex: string, status = "Downloaded newer image"): string[] {
  const [path = "", tag = "latest"] = name.split(":");
  return [
    `${tag}: Pulling from ${path.includes("/") ? path : `library/${path}`}`,
    "3f4ca61aafcd: Pulling fs layer",
    "3f4ca61aafcd: Pull complete",
    `Digest: ${digest(hex)}`,
    `Status: ${status} for ${name}`,
    `docker.io/library/${name}`,
  ];
}

describe("docker pull", () => {
  it("is read with its digest, downloaded or up to date", () => {
    const log = [
      "$ docker pull alpine:3.20",
      ...block("alpine:3.20", "aa"),
      "$ docker pull redis:7",
      ...block("redis:7", "bb", "Image is up to date"),
    ];
    const trace = read(log.join("\n"));
    expect(images(trace)).toEqual([
      "docker docker.io/library/alpine:3.20 downloaded aa00",
      "docker docker.io/library/redis:7 asked bb00",
    ]);
    expect(trace.images[0]?.evidence.at(-1)?.text).toBe(
      "Status: Downloaded newer image for alpine:3.20",
    );
    expect(trace.images[0]?.evidence.at(-1)?.line).toBe(6);
  });

  it("of another registry is known by its status line, since the first line has no host", () => {
    const log = [
      "latest: Pulling from team/app",
      `Digest: ${digest("ab")}`,
      "Status: Downloaded newer image for registry.gitlab.com/team/app:latest",
    ];
    expect(images(read(log.join("\n")))).toEqual([
      "docker registry.gitlab.com/team/app:latest downloaded ab00",
    ]);
  });

  it("by digest is read in both daemons' ways of writing it", () => {
    const ref = `alpine@${digest("cd")}`;
    for (const target of [digest("cd"), `docker.io/library/${ref}`]) {
      const log = [
        `${target}: Pulling from library/alpine`,
        `Digest: ${digest("cd")}`,
        `Status: Downloaded newer image for ${ref}`,
      ];
      const trace = read(log.join("\n"));
      expect(images(trace)).toHaveLength(1);
      expect(trace.images[0]).toMatchObject({ digest: digest("cd"), transfer: "downloaded" });
    }
  });

  it("that never ended is named by the command, or by the path where that is Docker Hub's alone", () => {
    const cut = "1.0: Pulling from team/app\n3f4ca61aafcd: Pulling fs layer";
    expect(images(read(`$ docker pull quay.io/team/app:1.0\n${cut}`))).toEqual([
      "docker quay.io/team/app:1.0 asked",
    ]);
    expect(images(read("latest: Pulling from library/httpd"))).toEqual([
      "docker docker.io/library/httpd:latest asked",
    ]);
    const trace = read(cut);
    expect(images(trace)).toEqual([]);
    expect(trace.notes).toMatchObject([{ kind: "unnamed", count: 1 }]);
  });

  it("twice at once leaves the digests unsaid rather than mixed up", () => {
    const log = [
      "3: Pulling from library/alpine",
      "7: Pulling from library/redis",
      `Digest: ${digest("aa")}`,
      `Digest: ${digest("bb")}`,
      "Status: Downloaded newer image for redis:7",
      "Status: Downloaded newer image for alpine:3",
    ];
    expect(images(read(log.join("\n")))).toEqual([
      "docker docker.io/library/redis:7 downloaded",
      "docker docker.io/library/alpine:3 downloaded",
    ]);
  });

  it("with a prefix on each line keeps each pull's digest apart", () => {
    const log = [
      "[alpine:3] 3: Pulling from library/alpine",
      "[redis:7] 7: Pulling from library/redis",
      `[alpine:3] Digest: ${digest("aa")}`,
      `[redis:7] Digest: ${digest("bb")}`,
      "[redis:7] Status: Downloaded newer image for redis:7",
      "[alpine:3] Status: Downloaded newer image for alpine:3",
    ];
    expect(images(read(log.join("\n")))).toEqual([
      "docker docker.io/library/redis:7 downloaded bb00",
      "docker docker.io/library/alpine:3 downloaded aa00",
    ]);
  });

  it("told to be quiet is named by the one line it prints, and noted", () => {
    const trace = read("$ docker pull -q alpine:3\ndocker.io/library/alpine:3\n");
    expect(images(trace)).toEqual(["docker docker.io/library/alpine:3 asked"]);
    expect(trace.notes).toMatchObject([{ kind: "quiet" }]);
    expect(images(read("$ echo docker.io/library/alpine:3\ndocker.io/library/alpine:3\n"))).toEqual(
      [],
    );
  });

  it("on a terminal ends its lines in carriage returns", () => {
    const log = block("alpine:3", "aa").join("\r\n");
    expect(images(read(log))).toEqual(["docker docker.io/library/alpine:3 downloaded aa00"]);
  });
});

describe("docker run", () => {
  it("is read from the line that misses the image", () => {
    const log = [
      "Unable to find image 'hello-world:latest' locally",
      ...block("hello-world", "aa"),
    ];
    expect(images(read(log.join("\n")))).toEqual([
      "docker docker.io/library/hello-world:latest downloaded aa00",
    ]);
  });
});

describe("the classic builder", () => {
  it("pulls its base, uses the one it has, and knows its own stages", () => {
    const log = [
      "Step 1/5 : FROM --platform=linux/amd64 node:22 AS build",
      ...block("node:22", "aa"),
      " ---> 3f57d9401f8d",
      "Step 2/5 : FROM build",
      " ---> 3f57d9401f8d",
      "Step 3/5 : FROM scratch",
      "Step 4/5 : FROM alpine:3",
      " ---> 9ed4aefc74f6",
      "Step 5/5 : FROM $BASE",
    ];
    expect(images(read(log.join("\n")))).toEqual([
      "docker docker.io/library/node:22 downloaded aa00",
      "docker docker.io/library/alpine:3 local",
    ]);
  });
});

describe("compose", () => {
  it("1 names service and image", () => {
    const log = ["Pulling db (postgres:16)...", ...block("postgres:16", "aa")];
    expect(images(read(log.join("\n")))).toEqual([
      "docker docker.io/library/postgres:16 downloaded aa00",
    ]);
  });

  it("2.40 and later name the image, earlier ones only the service", () => {
    expect(images(read(" Image nginx:1.27 Pulling \n Image nginx:1.27 Pulled 3.1s"))).toEqual([
      "docker docker.io/library/nginx:1.27 asked",
    ]);
    const trace = read(" ⠿ web Pulled   1.2s\n db Pulled \n a1b2c3d4e5f6 Pull complete");
    expect(images(trace)).toEqual([]);
    expect(trace.notes).toMatchObject([{ kind: "unnamed", count: 2 }]);
  });
});
