import type { Context } from "hono";
import { deleteCookie, getSignedCookie, setSignedCookie } from "hono/cookie";

/** A session ends by itself: what was read over somebody's shoulder is of no use tomorrow. */
const SESSION_SECONDS = 3600;
const NAME = "tidepool";

/*
 * The cookie says when the session ends, signed with ADMIN_TOKEN by HMAC-SHA256: nothing is kept, a new token ends every
 * session, and no script can read it. With https it is bound to this very host (`__Host-`); without, browsers would
 * refuse that name.
 */

/** Opens a session for who just gave the right token. */
export async function openSession(context: Context, token: string, now: number): Promise<void> {
  const ends = String(now + SESSION_SECONDS * 1000);
  await setSignedCookie(context, NAME, ends, token, {
    ...attributes(context),
    maxAge: SESSION_SECONDS,
  });
}

/** Whether the request comes with a session that has not ended. */
export async function hasSession(context: Context, token: string, now: number): Promise<boolean> {
  const prefix = isSecure(context) ? "host" : undefined;
  const ends = await getSignedCookie(context, token, NAME, prefix);
  return typeof ends === "string" && /^\d{1,16}$/.test(ends) && now < Number(ends);
}

/** Takes the cookie away. A copy of it lives until its end. */
export function closeSession(context: Context): void {
  deleteCookie(context, NAME, attributes(context));
}

function attributes(context: Context) {
  const secure = isSecure(context);
  const cookie = { path: "/", httpOnly: true, sameSite: "Strict", secure } as const;
  return secure ? { ...cookie, prefix: "host" as const } : cookie;
}

function isSecure(context: Context): boolean {
  return context.req.url.startsWith("https:");
}
