import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { passPing, pem, serve } from "./hostile-server.ts";
import { closing, diagnose } from "./run.ts";

const usual = getCACertificates("default");

beforeAll(() => setDefaultCACertificates([...usual, pem("ca")]));
afterAll(() => setDefaultCACertificates(usual));

const answers = passPing((_, response) => void response.writeHead(404).end());

describe("a mirror's certificate", () => {
  it("that is good is shown with its name and days", async () => {
    const url = await serve(answers, "good");
    const found = await diagnose(url.origin);
    expect(found.checks["tls"]?.status).toBe("ok");
    expect(found.checks["tls"]?.detail).toMatch(
      /^TLSv1\.3, certificate for DNS:localhost.*days left$/,
    );
    expect(found.checks["api"]?.status).toBe("ok");
  });

  it("that ends within two weeks is warned of", async () => {
    const url = await serve(answers, "good");
    vi.useFakeTimers({ toFake: ["Date"], now: Date.parse("2126-10-25T00:00:00Z") });
    closing(async () => void vi.useRealTimers());
    const found = await diagnose(url.origin);
    expect(found.checks["tls"]?.status).toBe("warning");
    expect(found.checks["tls"]?.detail).toContain("6 days left");
  });

  it.each([
    ["expired", "CERT_HAS_EXPIRED", "renew the certificate"],
    ["other", "ERR_TLS_CERT_ALTNAME_INVALID", "for another name"],
  ])(
    "that is wrong (%s) is named, and no request with a secret is made",
    async (name, code, advice) => {
      const seen: string[] = [];
      const url = await serve((request) => void seen.push(request.url ?? ""), name);
      const found = await diagnose(url.origin, [], {
        TIDEPOOL_SECRET: "s3cr3t",
        TIDEPOOL_TOKEN: "s3cr3t-token-of-admin",
      });
      expect(found.exitCode).toBe(1);
      expect(found.checks["tls"]?.detail).toBe(`no trusted connection: ${code}`);
      expect(found.checks["tls"]?.advice).toContain(advice);
      expect(found.checks["access"]?.status).toBe("unknown");
      expect(found.checks["clock"]?.detail).toBe("not tried, since tls failed");
      expect(seen).toEqual([]);
    },
  );

  it("of an issuer that nobody knows is named as such", async () => {
    setDefaultCACertificates(usual);
    closing(async () => setDefaultCACertificates([...usual, pem("ca")]));
    const url = await serve(answers, "good");
    const found = await diagnose(url.origin);
    expect(found.checks["tls"]?.detail).toMatch(/UNABLE_TO_(VERIFY_LEAF_SIGNATURE|GET_ISSUER)/);
    expect(found.checks["tls"]?.status).toBe("failed");
  });

  it("is looked for in vain where plain HTTP is spoken", async () => {
    const url = await serve(answers);
    const found = await diagnose(url.origin.replace("http:", "https:"), ["--timeout", "2"]);
    expect(found.checks["tls"]?.status).toBe("failed");
    expect(found.checks["reach"]?.status).toBe("ok");
  });
});
