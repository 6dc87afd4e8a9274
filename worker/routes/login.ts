import type { Context } from "hono";
import { readAddress } from "../access/address.ts";
import type { AdminDecision } from "../access/admin.ts";
import { type AdminOptions, checkAdmin, refuseAdmin } from "../middleware/admin.ts";
import { closeSession, openSession } from "../middleware/session.ts";
import { renderClosedPage, renderLoginPage } from "../page/login-page.ts";
import { respondPage } from "./page-response.ts";

/** What is said over the form. */
const PROBLEMS = {
  absent: null,
  wrong: "That is not this mirror's ADMIN_TOKEN.",
  limited: "Too many wrong tokens came from your address. Try again in some minutes.",
} as const;

/**
 * Checks who asks for a page.
 *
 * @returns `null` for who may see it, else a page, as a 403: the form to log in with, or what else has to be done
 * @throws {@link RegistryError} `DENIED` where no login could open it, to who takes no page
 */
export async function askLogin(context: Context, options: AdminOptions): Promise<Response | null> {
  const decision = await checkAdmin(context, options);
  if (decision.kind === "allowed") return null;
  const isBrowser = /\btext\/html\b/i.test(context.req.header("Accept") ?? "");
  return decision.kind === "closed" && isBrowser
    ? await respondPage(renderClosedPage(), { status: 403, hasForm: false })
    : await showForm(decision);
}

/** `POST /login` from the form: a session for who knows `ADMIN_TOKEN`, then back to the page. */
export async function logIn(context: Context, options: AdminOptions): Promise<Response> {
  const { admin, local, now } = options;
  const isForm = /^application\/x-www-form-urlencoded\b/i.test(
    context.req.header("Content-Type") ?? "",
  );
  const sent = isForm ? new URLSearchParams(await context.req.text()).get("token") : null;
  const decision = await admin.check(sent?.trim() ?? "", readAddress(context.req.raw, local));
  if (decision.kind !== "allowed") return await showForm(decision);
  if (admin.token !== null) await openSession(context, admin.token, now());
  return goToPage(context);
}

/** `POST /logout`. */
export function logOut(context: Context): Response {
  closeSession(context);
  return goToPage(context);
}

/** Relative: whatever way led to the form leads back, and no address is told. */
function goToPage(context: Context): Response {
  context.header("Cache-Control", "no-store");
  return context.redirect("./", 303);
}

async function showForm(decision: Exclude<AdminDecision, { kind: "allowed" }>): Promise<Response> {
  if (decision.kind === "closed") throw refuseAdmin(decision);
  const isLimited = decision.kind === "limited";
  const page = renderLoginPage(PROBLEMS[decision.kind]);
  return await respondPage(page, {
    status: isLimited ? 429 : 403,
    hasForm: true,
    headers: isLimited ? { "Retry-After": String(decision.retryAfterSeconds) } : {},
  });
}
