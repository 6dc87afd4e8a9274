import { createHash } from "node:crypto";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";
import { createImage, syntheticContent } from "../../helpers/images.ts";
import { passPing, serve } from "./hostile-server.ts";
import { closing, diagnose, statuses } from "./run.ts";

const SECRET = "s3cr3tsecretsecret";

/** Nothing listens there: it was free a moment ago. */
async function deadPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => void server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}

describe("a mirror that cannot be reached", () => {
  it("is told of in one check, and the others are not tried", async () => {
    const found = await diagnose(`http://127.0.0.1:${await deadPort()}`);
    expect(found.exitCode).toBe(1);
    expect(found.checks["reach"]?.detail).toContain("ECONNREFUSED");
    const { reach, ...others } = statuses(found);
    expect(reach).toBe("failed");
    expect(new Set(Object.values(others))).toEqual(new Set(["unknown"]));
    const details = Object.values(found.checks).slice(1);
    expect(details.map(({ detail }) => detail)).toEqual(
      details.map(() => "not tried, since reach failed"),
    );
  });

  it("under a name that is none says so", async () => {
    const found = await diagnose("https://mirror.invalid");
    expect(found.checks["reach"]?.status).toBe("failed");
    expect(found.checks["reach"]?.advice).toMatch(/DNS/);
  });
});

describe("a server that is no registry", () => {
  it("hangs: is given up in time", async () => {
    const url = await serve(() => undefined);
    const start = performance.now();
    const found = await diagnose(url.origin, ["--timeout", "1"]);
    expect(performance.now() - start).toBeLessThan(4000);
    expect(found.checks["api"]).toMatchObject({
      status: "failed",
      detail: "GET /v2/: no answer in 1 s",
    });
  });

  it("drips its answer: is given up in time", async () => {
    const url = await serve((_, response) => {
      response.writeHead(200, { "Content-Type": "application/json" });
      const drip = setInterval(() => response.write(" "), 100);
      response.on("close", () => clearInterval(drip));
    });
    const found = await diagnose(url.origin, ["--timeout", "1"]);
    expect(found.checks["api"]?.detail).toBe("GET /v2/: the answer did not end in 1 s");
  });

  it("speaks no HTTP: is named as such", async () => {
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      // The connection check says nothing, and sees nothing.
      socket.resume();
      socket.end("SSH-2.0-OpenSSH_9.2\r\n");
    });
    await new Promise<void>((done) => void server.listen(0, "127.0.0.1", done));
    closing(() => new Promise((done) => void server.close(() => done())));
    const { port } = server.address() as AddressInfo;
    const found = await diagnose(`http://127.0.0.1:${port}`);
    expect(found.checks["api"]?.status).toBe("failed");
    expect(found.checks["api"]?.advice).toContain("does not speak HTTP");
  });

  it("is a web page: is named as such", async () => {
    const url = await serve((_, response) => {
      response.writeHead(200, { "Content-Type": "text/html" }).end("<!doctype html>");
    });
    const found = await diagnose(url.origin);
    expect(found.checks["api"]?.advice).toContain("a web page and no registry");
  });

  it("redirects: is not followed, and no secret goes along", async () => {
    const seen: string[] = [];
    const other = await serve((request, response) => {
      seen.push(request.url ?? "");
      response.end("{}");
    });
    const url = await serve((_, response) => {
      response.writeHead(301, { Location: `${other.origin}/v2/` }).end();
    });
    const found = await diagnose(url.origin, [], { TIDEPOOL_SECRET: SECRET });
    expect(found.checks["api"]?.detail).toContain(`redirected to ${other.origin}; not followed`);
    expect(seen).toEqual([]);
  });

  it("writes over the terminal: its words come out as one plain line", async () => {
    const url = await serve((_, response) => {
      response.writeHead(500).end("\u001B[2J\u001B[Hall is well\n  ok  pull");
    });
    const found = await diagnose(url.origin);
    expect(found.checks["api"]?.detail).not.toMatch(/\p{Cc}/u);
  });

  it("says the secret back: it is not printed", async () => {
    const url = await serve((request, response) => {
      response.writeHead(500).end(`no ${request.headers.authorization} here`);
    });
    const found = await diagnose(url.origin, [], { TIDEPOOL_SECRET: SECRET });
    expect(found.checks["api"]?.detail).toContain("Bearer ***");
    expect(found.stdout).not.toContain(SECRET);
  });
});

const image = createImage([syntheticContent(3000)]);
const manifest = image.manifest.content.read(0, image.manifest.content.size);
const blobs = new Map(image.blobs.map((blob) => [blob.digest, blob.read(0, blob.size)]));

interface Registry {
  /** What is sent in place of the manifest. */
  readonly manifest?: Buffer;
  readonly contentDigest?: string | null;
  readonly blob?: (bytes: Buffer, url: string) => Buffer | { redirect: string };
}

function registry({ manifest: other, contentDigest, blob }: Registry): Promise<URL> {
  return serve(
    passPing((request, response) => {
      const path = request.url ?? "";
      if (path.includes("/manifests/")) {
        const digest = contentDigest === undefined ? image.manifest.content.digest : contentDigest;
        if (digest !== null) response.setHeader("Docker-Content-Digest", digest);
        response.setHeader("Content-Type", image.manifest.mediaType);
        response.end(other ?? manifest);
        return;
      }
      const bytes = blobs.get(path.slice(path.lastIndexOf("/") + 1));
      const sent = bytes === undefined ? undefined : (blob?.(bytes, path) ?? bytes);
      if (sent === undefined) response.writeHead(404).end();
      else if ("redirect" in sent) response.writeHead(307, { Location: sent.redirect }).end();
      else response.end(sent);
    }),
  );
}

describe("a registry that lies", () => {
  it("about nothing: is fine, and its silence on the digest is told", async () => {
    expect((await diagnose((await registry({})).origin)).checks["pull"]?.status).toBe("ok");
    const silent = await diagnose((await registry({ contentDigest: null })).origin);
    expect(silent.checks["pull"]).toMatchObject({ status: "warning" });
    expect(silent.exitCode).toBe(0);
  });

  const upper = Buffer.from(manifest.toString().replace("amd64", "AMD64"));
  it.each<[string, Registry]>([
    ["in the digest of a manifest", { manifest: Buffer.concat([upper, Buffer.from(" ")]) }],
    ["in a blob's bytes", { blob: (bytes) => Buffer.alloc(bytes.byteLength) }],
    ["in a blob's length, too short", { blob: (bytes) => bytes.subarray(1) }],
  ])("%s: is failed, and named as not to be used", async (_, lie) => {
    const found = await diagnose((await registry(lie)).origin);
    expect(found.exitCode).toBe(1);
    expect(found.checks["pull"]?.detail).toContain("another digest than they should");
    expect(found.checks["pull"]?.advice).toContain("do not use this mirror");
  });

  it("with an endless blob: is cut off at the size the manifest says", async () => {
    const blob = Buffer.alloc(200 * 1024 * 1024);
    const found = await diagnose((await registry({ blob: () => blob })).origin);
    expect(found.checks["pull"]?.detail).toMatch(/the answer is longer than \d+ bytes/);
  });

  it("with a manifest that is a web page: says what it looks like", async () => {
    const page = Buffer.from("<html>login</html>");
    const digest = `sha256:${createHash("sha256").update(page).digest("hex")}`;
    const found = await diagnose(
      (await registry({ manifest: page, contentDigest: digest })).origin,
    );
    expect(found.checks["pull"]?.advice).toContain("a login page");
  });

  it("with blobs elsewhere: is followed there without the secret", async () => {
    const headers: (string | undefined)[] = [];
    const cdn = await serve((request, response) => {
      headers.push(request.headers.authorization);
      response.end(blobs.get((request.url ?? "").slice(1)));
    });
    const blob = (_: Buffer, url: string) => ({
      redirect: `${cdn.origin}/${url.slice(url.lastIndexOf("/") + 1)}`,
    });
    const mirror = await registry({ blob });
    const found = await diagnose(mirror.origin, [], { TIDEPOOL_SECRET: SECRET });
    expect(found.checks["pull"]?.status).toBe("ok");
    expect(headers).toEqual([undefined, undefined]);
  });

  it.each(["file:///etc/passwd", "ftp://127.0.0.1/x", "/v2/round/and/round"])(
    "with blobs at %s: is not followed for ever",
    async (to) => {
      const mirror = await serve(
        passPing((request, response) => {
          if ((request.url ?? "").includes("/manifests/")) {
            response.setHeader("Docker-Content-Digest", image.manifest.content.digest);
            response.end(manifest);
          } else response.writeHead(307, { Location: to }).end();
        }),
      );
      const found = await diagnose(mirror.origin);
      expect(found.checks["pull"]?.detail).toContain("not followed");
    },
  );

  it("with a login: is named as what makes an old dockerd send a password", async () => {
    const url = await serve((_, response) => {
      response.writeHead(401, { "WWW-Authenticate": 'Basic realm="x"' }).end();
    });
    const found = await diagnose(url.origin);
    expect(found.checks["api"]).toMatchObject({ status: "warning" });
    expect(found.checks["access"]).toMatchObject({ status: "failed" });
    expect(found.checks["access"]?.advice).toContain("Docker Hub password");
  });
});
