import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { renderReport } from "../../bot/render/report-body.ts";
import { renderVerifyComment } from "../../bot/render/verify-comment.ts";
import {
  HOSTILE,
  entry,
  hostileImages,
  oneImage,
  report,
  sixtyImages,
  weakerEvidence,
} from "../bot/render/views.ts";
import { hasBrowser, keep, openBrowser, show } from "./page.ts";

/** What a page is checked for, counted in the page itself. */
const COUNT = `({
  foreign: document.querySelectorAll("main script, main img, main iframe, main [onerror], main form").length,
  ragged: [...document.querySelectorAll("main table")].filter((table) =>
    [...table.rows].some((row) => row.cells.length !== table.rows[0].cells.length)).length,
  tables: document.querySelectorAll("main table").length,
  rows: document.querySelectorAll("main tbody tr").length,
  charts: document.querySelectorAll("main figure svg").length,
  folds: document.querySelectorAll("main details").length,
  open: document.querySelectorAll("main details[open]").length,
  links: [...document.querySelectorAll("main a")].map((link) => link.protocol + "//" + link.host),
})`;

interface Counted {
  foreign: number;
  ragged: number;
  tables: number;
  rows: number;
  charts: number;
  folds: number;
  open: number;
  links: string[];
}

describe.skipIf(!hasBrowser)("rendered in a browser (skipped without /usr/bin/chromium)", () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await openBrowser();
  });

  afterAll(async () => {
    await browser.close();
  });

  async function look(name: string, markdown: string): Promise<Counted> {
    const page = await show(browser, markdown);
    const counted = (await page.evaluate(COUNT)) as Counted;
    await keep(page, name);
    await page.close();
    expect(counted.foreign).toBe(0);
    expect(counted.ragged).toBe(0);
    expect(counted.open).toBe(0);
    // A line that begins with a slash is a quick action, run with the bot's rights.
    expect(markdown.split("\n").filter((line) => /^\s*\/\w/.test(line))).toEqual([]);
    const hosts = ["https://gitlab.example.com", "https://mirror.example.dev"];
    for (const host of counted.links) expect(hosts).toContain(host);
    return counted;
  }

  it("a comment about one image has one row under one fold", async () => {
    const counted = await look("comment-one", renderVerifyComment(oneImage()));
    expect(counted).toMatchObject({ tables: 1, rows: 1, folds: 1 });
  });

  it("a comment about sixty images has a row for each of them", async () => {
    const view = sixtyImages();
    const counted = await look("comment-sixty", renderVerifyComment(view));
    const inJobs = view.images.filter(
      ({ image, verdict }) => image.layer === "job" && verdict !== "out-of-scope",
    );
    // The runner's two images are the same in all six jobs: one line each.
    expect(counted.rows).toBe(inJobs.length + 2);
  });

  it("hostile names stay text", async () => {
    const counted = await look("comment-hostile", renderVerifyComment(hostileImages()));
    expect(counted.rows).toBe(HOSTILE.length);
  });

  it("weaker evidence is told as such", async () => {
    await look("comment-weaker", renderVerifyComment(weakerEvidence()));
  });

  it("a report has one chart, and its figures in a table too", async () => {
    const counted = await look("report", renderReport(report()));
    expect(counted.charts).toBe(1);
  });

  it("a report on hostile projects and hundreds of images stays whole", async () => {
    const many = Array.from({ length: 300 }, (_, index) =>
      entry(`team/image-${index}`, ["1", "2"]),
    );
    const projects = HOSTILE.map((path) => ({
      path,
      url: "https://gitlab.example.com/x",
      state: "bypassing" as const,
      evidence: { text: "pipeline #1", url: "javascript:alert(1)" },
      bypassed: hostileImages().images,
      why: null,
    }));
    await look("report-hostile", renderReport(report({ catalog: many, projects })));
  });

  it("a report without an API has no chart and says what it lacks", async () => {
    const bare = { stats: null, catalog: null, repositories: ["library/alpine", "team/app"] };
    const counted = await look("report-plain", renderReport(report(bare)));
    expect(counted.charts).toBe(0);
  });
});
