import { mkdir } from "node:fs/promises";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type TestMirror, startTestMirror } from "../helpers/mirror.ts";
import { hasBrowser, openBrowser } from "./page.ts";

const TOKEN = "correct-horse-battery-staple+/=&%";

describe.skipIf(!hasBrowser)(
  "logging in with a browser (skipped without /usr/bin/chromium)",
  () => {
    let browser: Browser;
    let mirror: TestMirror;
    let context: BrowserContext;
    let page: Page;
    const complaints: string[] = [];

    beforeAll(async () => {
      [browser, mirror] = await Promise.all([
        openBrowser(),
        startTestMirror({ UPSTREAM: "http://127.0.0.1:9", ADMIN_TOKEN: TOKEN }),
      ]);
    });
    afterAll(async () => {
      await browser.close();
      await mirror.stop();
    });
    beforeEach(async () => {
      // No script runs: the form is all there is.
      context = await browser.newContext({
        javaScriptEnabled: false,
        viewport: { width: 360, height: 740 },
      });
      page = await context.newPage();
      complaints.length = 0;
      page.on("console", (message) => complaints.push(message.text()));
      await page.goto(mirror.url.href);
    });
    afterEach(() => context.close());

    async function logIn(token: string): Promise<void> {
      await page.getByLabel("ADMIN_TOKEN").fill(token);
      await page.getByRole("button", { name: "Log in" }).click();
    }

    /** A refused page's status is told on the console; anything else would be the policy's complaint. */
    function expectNoComplaint(): void {
      expect(complaints.filter((one) => !one.includes("status of 403"))).toEqual([]);
    }

    it("shows the page after the token, and the form again after the logout", async () => {
      expect(await page.title()).toBe("Log in to Tidepool");
      await keep("login");
      await logIn(TOKEN);
      expect(new URL(page.url()).pathname).toBe("/");
      expect(await page.title()).toBe(`Tidepool at ${mirror.url.host}`);
      await keep("logged-in");
      const [cookie] = await context.cookies();
      expect(cookie).toMatchObject({ httpOnly: true, sameSite: "Strict", path: "/" });
      await page.reload();
      await page.getByRole("button", { name: "Log out" }).click();
      expect(await page.title()).toBe("Log in to Tidepool");
      expect(await context.cookies()).toEqual([]);
      expectNoComplaint();
    });

    it("says what was wrong with another token, and logs in after it", async () => {
      await logIn("another");
      expect(await page.getByRole("alert").textContent()).toContain(
        "not this mirror's ADMIN_TOKEN",
      );
      await keep("login-wrong");
      await logIn(TOKEN);
      expect(await page.title()).toBe(`Tidepool at ${mirror.url.host}`);
      expectNoComplaint();
    });

    it("of a mirror without the secret, says how it is set, under its own policy", async () => {
      const closed = await startTestMirror({ UPSTREAM: "http://127.0.0.1:9", ACCESS: "" });
      try {
        await page.goto(closed.url.href);
        await keep("closed");
        expect(await page.locator("main").innerText()).toContain("ADMIN_TOKEN=… npm start");
        const edge = "getComputedStyle(document.querySelector('.notice')).borderLeftStyle";
        expect(await page.evaluate(edge)).toBe("solid");
        expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(360);
        expectNoComplaint();
      } finally {
        await closed.stop();
      }
    });

    it("takes no form from another origin", async () => {
      // The same machine by another name is another site.
      const elsewhere = mirror.url.href.replace("127.0.0.1", "localhost");
      const form = `<form method="post" action="${mirror.url.href}login"><input name="token" value="${TOKEN}"><button>Go</button></form>`;
      await page.route(elsewhere, (route) =>
        route.fulfill({ contentType: "text/html", body: form }),
      );
      await page.goto(elsewhere);
      await page.getByRole("button").click();
      expect(await page.locator("body").innerText()).toContain("the form came from elsewhere");
      expect(await context.cookies()).toEqual([]);
    });

    /** Keeps a picture where `TIDEPOOL_SCREENSHOTS` names a folder. */
    async function keep(name: string): Promise<void> {
      const folder = process.env["TIDEPOOL_SCREENSHOTS"];
      if (folder === undefined) return;
      await mkdir(folder, { recursive: true });
      await page.screenshot({ path: `${folder}/${name}.png` });
    }
  },
);
