import { type Html, html, trusted } from "./html.ts";
import { STYLE } from "./style.ts";

/** As one piece, as on the status page: the policy has the style's hash. */
const STYLE_ELEMENT = trusted(`<style>${STYLE}</style>`);

/** For password managers alone: they keep a password under a user's name. */
const USER = trusted(`<input hidden type="text" autocomplete="username" value="tidepool" />`);

/**
 * Renders the page that asks for `ADMIN_TOKEN`. It names no host: that may hold a secret, and this is shown to anybody.
 *
 * @param problem - what was wrong with what was sent; `null` where nothing was
 */
export function renderLoginPage(problem: string | null): string {
  const notice: Html | null =
    problem === null
      ? null
      : html`<p class="notice bad" role="alert"><strong>${problem}</strong></p>`;
  const form = html`<p>What the mirror did is shown to its operators.</p>
    <form method="post" action="login">
      ${USER}
      <label for="token">The mirror's <code>ADMIN_TOKEN</code></label>
      <input id="token" name="token" type="password" required autocomplete="current-password" />
      <button type="submit">Log in for an hour</button>
    </form>`;
  return renderFrame("Log in to Tidepool", notice, form);
}

/** Renders what a browser is shown where no login could open anything: how the operator changes that. */
export function renderClosedPage(): string {
  const notice = html`<p class="notice bad"><strong>This page is closed.</strong></p>`;
  const main = html`<p>
      What the mirror did is shown to who has its secret <code>ADMIN_TOKEN</code>, and it has none
      yet. Pulls do not depend on it.
    </p>
    <p>The mirror's operator sets it, to 16 characters or more that nobody can guess:</p>
    <ul>
      <li>at Cloudflare: <code>npx wrangler secret put ADMIN_TOKEN</code></li>
      <li>on a machine of one's own: <code>ADMIN_TOKEN=… npm start</code></li>
    </ul>`;
  return renderFrame("Tidepool", notice, main);
}

function renderFrame(title: string, notice: Html | null, main: Html): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <title>${title}</title>
        ${STYLE_ELEMENT}
      </head>
      <body>
        <header>
          <h1>Tidepool</h1>
          <p class="muted">A mirror of Docker Hub</p>
          ${notice}
        </header>
        <main>${main}</main>
      </body>
    </html> `.toString();
}
