const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Markup that is safe as it stands. Only {@link html} and {@link trusted} make it: data cannot pose as it. */
export class Html {
  readonly #markup: string;

  constructor(markup: string) {
    this.#markup = markup;
  }

  toString(): string {
    return this.#markup;
  }
}

/** What a template takes: text and numbers are escaped, `null` is nothing, lists follow one another. */
export type HtmlValue = Html | string | number | null | readonly HtmlValue[];

/** Builds markup from a template. Whatever is put in is escaped, for elements and quoted attributes alike. */
export function html(parts: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  let markup = parts[0] ?? "";
  for (const [index, value] of values.entries()) markup += render(value) + (parts[index + 1] ?? "");
  return new Html(markup);
}

/** Takes markup that was written by hand, a style sheet for one; never for data. */
export function trusted(markup: string): Html {
  return new Html(markup);
}

function render(value: HtmlValue): string {
  if (value === null) return "";
  if (value instanceof Html) return value.toString();
  if (typeof value === "object") return value.map(render).join("");
  return escape(String(value));
}

/**
 * Control characters show as what they are, a hole: browsers drop some of them and trip over others. So do those that
 * turn the direction of text: an unmatched one reaches out of the `<bdi>` it is in.
 */
function escape(text: string): string {
  return (
    text
      // oxlint-disable-next-line no-control-regex -- these are what is looked for
      .replaceAll(/[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u202A-\u202E\u2066-\u2069]/g, "\uFFFD")
      .replaceAll(/[&<>"']/g, (character) => ESCAPES[character] ?? "")
  );
}
