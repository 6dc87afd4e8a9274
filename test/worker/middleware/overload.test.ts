import { expect, test } from "vitest";
import { Hono } from "hono";
import { refuseOverload } from "../../../worker/middleware/overload.ts";
import { renderError } from "../../../worker/middleware/render-error.ts";

/** An app of which two requests may wait, and whose answers come when the test says so. */
function createApp() {
  let now = 0;
  const answers: (() => void)[] = [];
  const app = new Hono();
  app.onError(renderError);
  app.use(refuseOverload({ maxWaiting: 2, now: () => now }));
  app.get("/v2/", async (context) => {
    await new Promise<void>((resolve) => answers.push(resolve));
    return context.json({});
  });
  return {
    ask: async () => await app.request("/v2/"),
    answerAll: () => answers.splice(0).forEach((answer) => answer()),
    wait: (ms: number) => (now += ms),
  };
}

test("refuses the third while two wait, and takes another once they have their answers", async () => {
  const { ask, answerAll } = createApp();
  const waiting = [ask(), ask()];
  const refused = await ask();
  expect(refused.status).toBe(503);
  expect(refused.headers.get("retry-after")).toBe("2");
  expect(await refused.json()).toMatchObject({ errors: [{ code: "TOOMANYREQUESTS" }] });

  answerAll();
  for (const answer of await Promise.all(waiting)) expect(answer.status).toBe(200);
  const next = ask();
  answerAll();
  expect((await next).status).toBe(200);
});

test("counts a request no more that was never heard of again", async () => {
  const { ask, answerAll, wait } = createApp();
  void ask();
  void ask();
  wait(59_999);
  expect((await ask()).status).toBe(503);
  wait(1);
  const next = ask();
  answerAll();
  expect((await next).status).toBe(200);
});
