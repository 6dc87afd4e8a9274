import * as z from "zod";

/**
 * The body of every refusal, of the API and of `/v2/` alike.
 *
 * @see OCI distribution spec v1.1.1, "Error Codes"
 */
export const ApiError = z.object({
  errors: z
    .array(
      z.object({
        code: z.string(),
        message: z.string().default(""),
        detail: z.unknown().optional(),
      }),
    )
    .min(1),
});
