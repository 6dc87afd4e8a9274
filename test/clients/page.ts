import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { marked } from "marked";
import { type Browser, type Page, chromium } from "playwright-core";

/** Debian's browser; these checks are skipped where it is missing. */
const CHROMIUM = "/usr/bin/chromium";

/** Whether there is a browser to look with. */
export const hasBrowser: boolean = existsSync(CHROMIUM);

/** Starts the browser, talking to nobody. */
export async function openBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM,
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

const STYLE = `
  body { font: 14px/1.5 sans-serif; max-width: 960px; margin: 16px; color: #28272d }
  table { border-collapse: collapse; margin: 8px 0 } td, th { border: 1px solid #dcdcde; padding: 4px 8px; text-align: left; vertical-align: top }
  code { font: 12px monospace; background: #ececef; padding: 1px 3px; border-radius: 3px } pre { background: #fbfafd; padding: 8px }
  blockquote { margin: 4px 0; padding-left: 8px; border-left: 3px solid #dcdcde }
`;

/**
 * Shows Markdown as GitLab would, nearly: GFM by marked, HTML let through, Mermaid drawn.
 *
 * GitLab also sanitises; here nothing is, so that what would slip through shows.
 */
export async function show(browser: Browser, markdown: string): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1000, height: 800 } });
  const mermaid = fileURLToPath(import.meta.resolve("@mermaid-js/tiny"));
  const body = await marked.parse(markdown, { gfm: true });
  await page.setContent(`<style>${STYLE}</style><main>${body}</main>`);
  await page.addScriptTag({ content: await readFile(mermaid, "utf8") });
  await page.evaluate(DRAW);
  return page;
}

/** Runs in the page: turns Mermaid's code blocks into pictures, as GitLab's page does. */
const DRAW = `(async () => {
  mermaid.initialize({ startOnLoad: false, securityLevel: "strict" });
  for (const [index, block] of [...document.querySelectorAll("code.language-mermaid")].entries()) {
    const { svg } = await mermaid.render("chart" + index, block.textContent);
    const figure = document.createElement("figure");
    figure.innerHTML = svg;
    block.parentElement.replaceWith(figure);
  }
})()`;

/** Keeps a picture where `TIDEPOOL_SCREENSHOTS` names a folder, folds open. */
export async function keep(page: Page, name: string): Promise<void> {
  const folder = process.env["TIDEPOOL_SCREENSHOTS"];
  if (folder === undefined) return;
  await mkdir(folder, { recursive: true });
  await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
  await page.evaluate(`document.querySelectorAll("details").forEach((one) => { one.open = true })`);
  await page.screenshot({ path: `${folder}/${name}-open.png`, fullPage: true });
}
