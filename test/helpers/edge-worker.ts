/**
 * The real Worker behind a stand-in for what Cloudflare's edge does to a request before a Worker sees it:
 * - `CF-Connecting-IP` is the connection's address, whatever the client sent (Cloudflare, "HTTP request headers")
 * - `request.cf` is there (Workers, "Request", `cf`)
 * - a request whose host cannot be read is 400 and goes no further
 * - the URL is https where the client's connection was
 *
 * Who runs the test says through `X-Edge-Address` and `X-Edge-Scheme` what the connection was like; neither goes on. What
 * the Worker writes to its console is given back at `/edge/log`, a line each, and forgotten.
 *
 * @module
 */
import worker from "../../worker/index.ts";

export * from "../../worker/index.ts";

/** A Worker's default export; tests have Node's types, which know none. */
interface Handler {
  fetch(request: Request, env: unknown, ctx: unknown): Promise<Response>;
}

const mirror = worker as unknown as Handler;

const lines: string[] = [];
for (const level of ["log", "warn", "error"] as const)
  console[level] = (...words: unknown[]) => void lines.push(words.map(String).join(" "));

const edge: Handler = {
  async fetch(request, env, ctx) {
    const asked = URL.parse(request.url);
    if (asked === null) return new Response(null, { status: 400 });
    if (asked.pathname === "/edge/log") return Response.json(lines.splice(0, lines.length));
    const headers = new Headers(request.headers);
    const address = headers.get("X-Edge-Address") ?? "198.51.100.1";
    const isSecure = headers.get("X-Edge-Scheme") === "https";
    for (const name of ["X-Edge-Address", "X-Edge-Scheme"]) headers.delete(name);
    headers.set("CF-Connecting-IP", address);
    const url = isSecure ? request.url.replace(/^http:/, "https:") : request.url;
    const cf = { cf: { colo: "TST" }, headers, redirect: "manual" } as RequestInit;
    return await mirror.fetch(new Request(url, new Request(request, cf)), env, ctx);
  },
};

export default edge;
