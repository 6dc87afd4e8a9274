import { describe, expect, it } from "vitest";
import { digest, images, read } from "./read.ts";

describe("BuildKit in plain progress", () => {
  it("is read with digest, and a layer's bytes show that it was downloaded", () => {
    const log = [
      "#1 [internal] load build definition from Dockerfile",
      "#1 DONE 0.0s",
      "#2 [internal] load metadata for docker.io/library/node:22-slim",
      "#2 DONE 1.1s",
      `#4 [build 1/7] FROM docker.io/library/node:22-slim@${digest("9f")}`,
      `#4 resolve docker.io/library/node:22-slim@${digest("9f")} 0.0s done`,
      `#4 ${digest("11")} 0B / 29.15MB 0.2s`,
      `#4 ${digest("11")} 29.15MB / 29.15MB 0.9s done`,
      "#4 DONE 2.0s",
    ];
    expect(images(read(log.join("\n")))).toEqual([
      "buildkit docker.io/library/node:22-slim downloaded 9f00",
    ]);
  });

  it("proves a bypass by the token that was fetched for Docker Hub", () => {
    const log = [
      "#2 [internal] load metadata for docker.io/library/node:22-slim",
      "#3 [internal] load metadata for docker.io/library/alpine:3",
      "#4 [auth] library/node:pull token for registry-1.docker.io",
      "#5 [auth] library/alpine:pull token for mirror.example.dev",
      "#6 [auth] team/app:pull,push token for registry-1.docker.io",
      "#7 [auth] team/cache:pull token for registry-1.docker.io",
    ];
    expect(images(read(log.join("\n")))).toEqual([
      "buildkit docker.io/library/node:22-slim named bypass at 3",
      "buildkit docker.io/library/alpine:3 named",
      "buildkit docker.io/team/cache asked bypass at 6",
    ]);
  });

  it("knows bake's and compose's names, platforms, the frontend and cached steps", () => {
    const log = [
      '#0 building with "ci" instance using docker-container driver',
      "#1 [internal] booting buildkit",
      "#1 pulling image moby/buildkit:buildx-stable-1",
      "#1 pulling image moby/buildkit:buildx-stable-1 1.9s done",
      "#2 resolve image config for docker-image://docker.io/docker/dockerfile:1",
      `#3 docker-image://docker.io/docker/dockerfile:1@${digest("38")}`,
      "#3 CACHED",
      "#4 [backend internal] load metadata for docker.io/library/golang:1.25",
      "#5 [linux/arm64 internal] load metadata for docker.io/library/alpine:3",
      "#6 [backend auth] library/golang:pull token for registry-1.docker.io",
      `#7 [linux/arm64 build 1/4] FROM docker.io/library/golang:1.25@${digest("60")}`,
      "#8 importing cache manifest from ghcr.io/team/cache:main",
      "#8 ERROR: ghcr.io/team/cache:main: not found",
    ];
    const trace = read(log.join("\n"));
    expect(images(trace)).toEqual([
      "docker docker.io/moby/buildkit:buildx-stable-1 asked",
      "buildkit docker.io/docker/dockerfile:1 cached 3800",
      "buildkit docker.io/library/golang:1.25 named 6000 bypass at 10",
      "buildkit docker.io/library/alpine:3 named",
      "buildkit ghcr.io/team/cache:main failed",
    ]);
    expect(trace.notes).toMatchObject([{ kind: "container-driver", count: 2 }]);
  });
});

describe("BuildKit on a terminal", () => {
  it("is read past its durations and redrawn lines", () => {
    const log = [
      "[+] Building 3.1s (9/9) FINISHED",
      " => [internal] load build definition from Dockerfile            0.0s",
      " => [internal] load metadata for docker.io/library/alpine:3.19.1         2.4s",
      " => [auth] library/alpine:pull token for registry-1.docker.io            0.0s",
      ` => [1/5] FROM docker.io/library/alpine:3.19.1@${digest("c5")}     0.9s`,
      ` => => resolve docker.io/library/alpine:3.19.1@${digest("c5")}     0.0s`,
      ` => => ${digest("4a")} 3.41MB / 3.41MB          0.4s`,
      ` => CACHED [app 1/2] FROM docker.io/library/redis:7@${digest("d7")}     0.0s`,
    ];
    expect(images(read(log.join("\r\n")))).toEqual([
      "buildkit docker.io/library/alpine:3.19.1 downloaded c500 bypass at 4",
      "buildkit docker.io/library/redis:7 cached d700",
    ]);
  });
});

describe("BuildKit's steps", () => {
  it("are told apart by number where they run at once", () => {
    const log = [
      "#4 [a 1/2] FROM docker.io/library/node:22",
      "#5 [b 1/2] FROM docker.io/library/redis:7",
      "#6 [c 1/2] FROM docker.io/library/alpine:3",
      `#4 ${digest("11")} 1.5MB / 29.15MB 0.2s`,
      "#6 CACHED",
      "#9 CACHED",
      `#9 ${digest("11")} 1.5MB / 29.15MB 0.2s`,
    ];
    expect(images(read(log.join("\n")))).toEqual([
      "buildkit docker.io/library/node:22 downloaded",
      "buildkit docker.io/library/redis:7 named",
      "buildkit docker.io/library/alpine:3 cached",
    ]);
  });

  it("are told apart by what stands below them on a terminal", () => {
    const log = [
      "=> [a 1/2] FROM docker.io/library/node:22  0.1s",
      `=> => ${digest("11")} 1.5MB / 29.15MB  0.2s`,
      "=> [b 1/2] FROM docker.io/library/redis:7  0.1s",
      "=> [b 2/2] RUN make image  0.1s",
      `=> => ${digest("11")} 1.5MB / 29.15MB  0.2s`,
      "=> [c 1/2] FROM docker.io/library/alpine:3  0.1s",
      `=> => ${digest("11")} 1.5MB / 29.15MB  0.2s`,
    ];
    expect(images(read(log.join("\n")))).toEqual([
      "buildkit docker.io/library/node:22 downloaded",
      "buildkit docker.io/library/redis:7 named",
      "buildkit docker.io/library/alpine:3 downloaded",
    ]);
  });

  it("keep their names however many there are", () => {
    const steps = Array.from({ length: 200 }, (_, n) => `#${n} [${n}/9] FROM a/b${n}:1`);
    const log = [...steps, "#0 CACHED", "#199 CACHED"];
    const cached = images(read(log.join("\n"))).filter((image) => image.endsWith(" cached"));
    expect(cached).toEqual([
      "buildkit docker.io/a/b0:1 cached",
      "buildkit docker.io/a/b199:1 cached",
    ]);
  });
});

function token(scopes: string): string {
  return `[auth] ${scopes} token for registry-1.docker.io`;
}

describe("a token for Docker Hub", () => {
  it("is proof where BuildKit says so, and not where a step's command or an odd scope does", () => {
    const log = [
      "#4 [2/2] RUN echo image team/app:pull token for registry-1.docker.io",
      "#5 [auth] UPPER/app:pull token for registry-1.docker.io",
      "#6 [auth] team/app:push token for registry-1.docker.io",
      "#7 [auth] sharing credentials for registry-1.docker.io",
    ];
    expect(images(read(log.join("\n")))).toEqual([]);
  });

  it("counts from its first line, for each of its repositories", () => {
    const log = [
      `#4 ${token("team/a:pull team/b:pull")}`,
      `#5 ${token("team/b:pull")}`,
      "#6 [internal] load metadata for docker.io/team/b:2",
    ];
    expect(images(read(log.join("\n")))).toEqual([
      "buildkit docker.io/team/b:2 named bypass at 1",
      "buildkit docker.io/team/a asked bypass at 1",
    ]);
  });
});
