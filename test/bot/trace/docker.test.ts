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

describe("docker pulls that never ended", () => {
  it("are each named by what was said of them: a command, a missing image, a step, a prefix", () => {
    const log = [
      "$ docker pull ghcr.io/team/a:1 --quiet",
      "1: Pulling from team/a",
      `$ docker image pull ghcr.io/team/b@${digest("bb")}`,
      `ghcr.io/team/b@${digest("bb")}: Pulling from team/b`,
      "Unable to find image 'ghcr.io/team/c:1' locally",
      "1: Pulling from team/c",
      "Pulling db (ghcr.io/team/d:1)...",
      "1: Pulling from team/d",
      "Step 1/2 : FROM ghcr.io/team/e:1",
      "1: Pulling from team/e",
      "[ghcr.io/team/f:1] 1: Pulling from team/f",
      `${digest("99")}: Pulling from library/alpine`,
    ];
    const trace = read(log.join("\n"));
    expect(images(trace).toSorted()).toEqual(
      [
        `docker docker.io/library/alpine asked 9900`,
        "docker ghcr.io/team/a:1 asked",
        "docker ghcr.io/team/b asked bb00",
        ...["c", "d", "e", "f"].map((name) => `docker ghcr.io/team/${name}:1 asked`),
      ].toSorted(),
    );
    expect(trace.notes.map(({ kind }) => kind)).toEqual(["quiet"]);
  });

  it("stay open when another ends, or one that never began", () => {
    const log = [
      "1: Pulling from team/a",
      "2: Pulling from library/b",
      "Status: Image is up to date for redis:7",
      "Status: Downloaded newer image for b:2",
    ];
    const trace = read(log.join("\n"));
    expect(images(trace)).toEqual([
      "docker docker.io/library/redis:7 asked",
      "docker docker.io/library/b:2 downloaded",
    ]);
    expect(trace.notes).toMatchObject([{ kind: "unnamed", count: 1, evidence: { line: 1 } }]);
  });
});

describe("a line that is a name and no more", () => {
  const name = "docker.io/library/alpine:3";

  it.each([
    "$ docker pull -q alpine:3",
    "$ docker pull --quiet alpine:3",
    "$ docker pull alpine:3 -q",
    "$ docker image pull --quiet alpine:3",
    "$ docker compose -f x.yml pull",
    "$ docker-compose pull",
  ])("is an image behind %s", (command) => {
    expect(images(read(`${command}\n${name}`))).toEqual([`docker ${name} asked`]);
  });

  it.each([
    "Hello",
    "$ docker pull alpine:3",
    "$ docker pull alpine-q",
    "$ docker pull --quiet-not alpine:3",
    "$ docker pull -q redis:7\n$ echo $NAME",
    "$ docker compose push",
  ])("is none behind %j", (command) => {
    expect(images(read(`${command}\n${name}`))).toEqual([]);
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

describe("a classic builder", () => {
  it("names what it wants before it has it", () => {
    expect(images(read("Step 1/1 : FROM alpine:3"))).toEqual([
      "docker docker.io/library/alpine:3 named",
    ]);
  });

  it("has stages of its own in each build, whatever the case they are written in", () => {
    const first = ["Step 1/2 : FROM alpine:3 AS Build", "Step 2/2 : FROM build as last"];
    const second = ["Step 1/2 : FROM build", "Step 2/2 : FROM last"];
    expect(images(read([...first, ...second].join("\n")))).toEqual([
      "docker docker.io/library/alpine:3 named",
      "docker docker.io/library/build:latest named",
      "docker docker.io/library/last:latest named",
    ]);
  });

  it("had the image that is followed by an arrow at once, and no other", () => {
    const log = [
      "Step 1/3 : FROM alpine:3",
      "---> 9ed4aefc74f6",
      "Step 2/3 : FROM redis:7",
      "7: Pulling from library/redis",
      "---> 9ed4aefc74f6",
      "---> 9ed4aefc74f6",
    ];
    expect(images(read(log.join("\n")))).toEqual([
      "docker docker.io/library/alpine:3 local",
      "docker docker.io/library/redis:7 asked",
    ]);
  });
});

describe("compose", () => {
  it("that began to pull wants the image, and has asked for it when that is done", () => {
    expect(images(read("Image nginx:1.27 Pulling"))).toEqual([
      "docker docker.io/library/nginx:1.27 named",
    ]);
    expect(images(read("Image nginx:1.27 Pulled"))).toEqual([
      "docker docker.io/library/nginx:1.27 asked",
    ]);
  });

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
