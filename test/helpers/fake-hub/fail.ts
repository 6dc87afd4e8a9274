import type { ServerResponse } from "node:http";
import type { Outage } from "./faults.ts";
import { sendJson } from "./state.ts";

/** Fails a request as an outage does. @returns whether it did */
export function fail(outage: Outage, response: ServerResponse): boolean {
  switch (outage) {
    case null:
      return false;
    case "429":
      // Body and header as Docker Hub sends them to anonymous clients over the limit.
      sendJson(response, 429, {
        headers: { "retry-after": "17" },
        body: {
          errors: [
            {
              code: "TOOMANYREQUESTS",
              message:
                "You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit",
            },
          ],
        },
      });
      return true;
    case "500":
    case "503":
      response.writeHead(Number(outage), { "content-type": "text/html" });
      response.end("<html>upstream trouble</html>");
      return true;
    case "reset":
      response.destroy();
      return true;
    case "hang":
      return true;
    default:
      sendJson(response, outage, { body: { errors: [{ code: "UNKNOWN", message: "trouble" }] } });
      return true;
  }
}
