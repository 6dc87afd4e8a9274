import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { StatusView } from "../../worker/page/status.ts";
import { renderStatusPage } from "../../worker/page/status-page.ts";
import { STYLE, formatPolicy } from "../../worker/page/style.ts";
import { type TestMirror, startTestMirror } from "../helpers/mirror.ts";
import * as views from "../worker/page/views.ts";
import { hasBrowser, openBrowser } from "./page.ts";

const VIEWS: Readonly<Record<string, () => StatusView>> = {
  "no-log": () => views.view("none"),
  "no-log-stored": () => views.view("none", ["library/alpine", "library/node", "grafana/agent"]),
  unreadable: () => views.view("unreadable", ["library/alpine"]),
  "no-data": () => views.view(views.noActivity()),
  closed: () => ({ ...views.view(views.noActivity()), isClosed: true }),
  "tokens-alone": () => ({ ...views.view(views.noActivity()), needsSecret: true }),
  "little-data": () => views.view(views.littleActivity()),
  "much-data": () => views.view(views.muchActivity()),
  hostile: () => views.view(views.hostileActivity(), views.HOSTILE),
};
const SCREENS = { wide: { width: 1100, height: 900 }, phone: { width: 360, height: 740 } };

/** Finds text that is too faint: a ratio below 4.5 to 1 between it and what it stands on. @see WCAG 2.2, 1.4.3 */
const FAINT = `(() => {
  const parse = (color) => (color.match(/[\\d.]+/g) ?? []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color.length === 3) return color;
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const element of document.querySelectorAll("body *")) {
    if (![...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim() !== "")) continue;
    const pair = [light(parse(getComputedStyle(element).color)), light(ground(element))].sort((a, b) => b - a);
    const ratio = (pair[0] + 0.05) / (pair[1] + 0.05);
    if (ratio < 4.5) faint.push(element.tagName + "." + element.className + " " + ratio.toFixed(2));
  }
  return faint;
})()`;

/** What a reader who cannot see, or has a small screen, would stumble on. */
const LOOK = `({
  title: document.title,
  foreign: document.querySelectorAll("script, img, iframe, object, form, [onerror], [onfocus], [autofocus], [style]").length,
  headings: document.querySelectorAll("h1").length,
  unnamed: [...document.querySelectorAll("svg, meter, table, [role=region], pre")].filter((one) =>
    one.closest("[aria-hidden]") === null && !one.hasAttribute("aria-hidden") && !one.hasAttribute("aria-label")
    && !one.hasAttribute("aria-labelledby") && one.querySelector("caption") === null).length,
  unscoped: document.querySelectorAll("th:not([scope])").length,
  tooWide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  outside: [...document.querySelectorAll("a")].filter((a) => a.origin !== location.origin).length,
  lang: document.documentElement.lang,
  styled: getComputedStyle(document.querySelector(".notice")).borderLeftStyle === "solid",
})`;

/** Keeps a picture where `TIDEPOOL_SCREENSHOTS` names a folder. */
async function keep(page: Page, name: string): Promise<void> {
  const folder = process.env["TIDEPOOL_SCREENSHOTS"];
  if (folder === undefined) return;
  await mkdir(folder, { recursive: true });
  await page.screenshot({ path: `${folder}/status-${name}.png`, fullPage: true });
}

describe.skipIf(!hasBrowser)(
  "the status page in a browser (skipped without /usr/bin/chromium)",
  () => {
    let browser: Browser;
    let server: Server;
    let origin: string;

    beforeAll(async () => {
      browser = await openBrowser();
      const hash = createHash("sha256").update(STYLE).digest("base64");
      server = createServer((request, response) => {
        const make = VIEWS[(request.url ?? "").slice(1)];
        response.writeHead(make === undefined ? 404 : 200, {
          "Content-Type": "text/html; charset=utf-8",
          "Content-Security-Policy": formatPolicy(hash, false),
        });
        response.end(make === undefined ? "" : renderStatusPage(make()));
      });
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    });

    afterAll(async () => {
      server.close();
      await browser.close();
    });

    /** Opens a page, and gathers all that it does beyond being read. */
    async function open(
      url: string,
      screen: keyof typeof SCREENS,
      colorScheme: "light" | "dark",
    ): Promise<{ page: Page; requests: string[]; complaints: string[] }> {
      const page = await browser.newPage({ viewport: SCREENS[screen], colorScheme });
      const requests: string[] = [];
      const complaints: string[] = [];
      page.on("request", (request) => requests.push(request.url()));
      page.on("console", (message) => complaints.push(message.text()));
      page.on("pageerror", (error) => complaints.push(error.message));
      await page.goto(url);
      return { page, requests, complaints };
    }

    const cases = Object.keys(VIEWS).flatMap((name) =>
      (["light", "dark"] as const).flatMap((theme) =>
        (["wide", "phone"] as const).map((screen) => [name, theme, screen] as const),
      ),
    );

    it.each(cases)(
      "%s, %s, %s: is whole, readable, named and alone",
      async (name, theme, screen) => {
        const url = `${origin}/${name}`;
        const { page, requests, complaints } = await open(url, screen, theme);
        await keep(page, `${name}-${theme}-${screen}`);
        expect(await page.evaluate(LOOK)).toEqual({
          title: "Tidepool at mirror.example.com",
          foreign: 0,
          headings: 1,
          unnamed: 0,
          unscoped: 0,
          tooWide: 0,
          outside: 0,
          lang: "en",
          styled: true,
        });
        await page.evaluate(
          `document.querySelectorAll("details").forEach((one) => { one.open = true })`,
        );
        await keep(page, `${name}-${theme}-${screen}-open`);
        expect(await page.evaluate(FAINT)).toEqual([]);
        expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(
          SCREENS[screen].width,
        );
        // Chromium takes the icon from its own address; nothing else is asked for.
        expect(requests.filter((asked) => asked !== url && !asked.startsWith("data:"))).toEqual([]);
        expect(complaints).toEqual([]);
        await page.close();
      },
    );

    it("reads the same without scripts", async () => {
      const context = await browser.newContext({ javaScriptEnabled: false });
      const page = await context.newPage();
      await page.goto(`${origin}/much-data`);
      expect(await page.locator("h1").textContent()).toBe("Tidepool");
      await page.getByText("Last 24 hours as a table").click();
      expect(await page.getByRole("region", { name: "Last 24 hours as a table" }).isVisible()).toBe(
        true,
      );
      await context.close();
    });

    it("its policy would stop a script, if one ever got in", async () => {
      const { page, complaints } = await open(`${origin}/little-data`, "wide", "light");
      const ran = await page.evaluate(`(() => {
      const script = document.createElement("script");
      script.textContent = "document.title = 'ran'";
      document.body.append(script);
      document.body.setAttribute("onclick", "document.title = 'ran'");
      document.body.click();
      return document.title;
    })()`);
      expect(ran).toBe("Tidepool at mirror.example.com");
      expect(complaints.join("\n")).toContain("Content Security Policy");
      await page.close();
    });

    describe("served by the mirror itself", () => {
      let mirror: TestMirror;

      beforeAll(async () => {
        mirror = await startTestMirror({ UPSTREAM: "http://127.0.0.1:9" });
      });
      afterAll(async () => {
        await mirror.stop();
      });

      it("is styled under its own policy, and its links lead to the texts", async () => {
        const { page, complaints } = await open(mirror.url.href, "wide", "light");
        await keep(page, "served");
        expect(await page.evaluate(LOOK)).toMatchObject({ styled: true, foreign: 0, outside: 0 });
        expect(complaints).toEqual([]);
        await page.getByRole("link", { name: "Docker daemon: as plain text" }).click();
        expect(await page.locator("body").innerText()).toContain(`"${mirror.url.origin}"`);
        await page.close();
      });
    });
  },
);
