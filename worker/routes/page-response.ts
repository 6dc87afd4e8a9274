import { STYLE, formatPolicy } from "../page/style.ts";

/** How a page is answered. */
export interface PageOptions {
  readonly status?: number;
  /** Whether it has a form, which is sent to this mirror alone. */
  readonly hasForm: boolean;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Answers with a page that may load nothing and is kept by nobody. */
export async function respondPage(page: string, options: PageOptions): Promise<Response> {
  const { status = 200, hasForm, headers } = options;
  return new Response(page, {
    status,
    headers: {
      ...headers,
      "Content-Type": "text/html; charset=utf-8",
      "Cache-Control": "no-store",
      "Content-Security-Policy": formatPolicy(await hashStyle(), hasForm),
      // The address may hold an access token: it is told to nobody. A form's page must tell this mirror, or the browser
      // would not say where the form came from.
      "Referrer-Policy": hasForm ? "same-origin" : "no-referrer",
    },
  });
}

async function hashStyle(): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(STYLE));
  return btoa(String.fromCharCode(...new Uint8Array(hash)));
}
