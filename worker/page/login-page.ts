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
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <title>Log in to Tidepool</title>
        ${STYLE_ELEMENT}
      </head>
      <body>
        <header>
          <h1>Tidepool</h1>
          <p class="muted">A mirror of Docker Hub</p>
          ${notice}
        </header>
        <main>
          <p>What the mirror did is shown to its operators.</p>
          <form method="post" action="login">
            ${USER}
            <label for="token">The mirror's <code>ADMIN_TOKEN</code></label>
            <input
              id="token"
              name="token"
              type="password"
              required
              autocomplete="current-password"
            />
            <button type="submit">Log in for an hour</button>
          </form>
        </main>
      </body>
    </html> `.toString();
}
