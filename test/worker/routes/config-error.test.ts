import { expect, test } from "vitest";
import { startEdgeMirror } from "../../helpers/edge.ts";
import { startTestMirror } from "../../helpers/mirror.ts";

const WRONG = { ACCESS: "cidr:198.51.100.7/24" };

test("a deployed mirror tells strangers which variable is wrong, and its log what is", async () => {
  const mirror = await startEdgeMirror(WRONG);
  try {
    const { status, body } = await mirror.ask("/v2/");
    expect(status).toBe(500);
    expect(body).toContain("ACCESS");
    expect(body).not.toContain("198.51.100");
    const lines = await mirror.log();
    expect(JSON.stringify(lines)).toContain("198.51.100.7/24");
  } finally {
    await mirror.stop();
  }
});

test("npm start tells who started it", async () => {
  const mirror = await startTestMirror({ ACCESS: "cidr:192.0.2.0/24" });
  try {
    expect(await (await mirror.fetch("/v2/")).text()).toContain("ACCESS has cidr:");
  } finally {
    await mirror.stop();
  }
});
