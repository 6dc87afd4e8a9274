/** The page's only style sheet, put in by its hash. No attribute `style`: the policy forbids it. */
export const STYLE = `
:root { color-scheme: light dark; --ground: #fff; --raised: #f3f6f8; --text: #17232e; --muted: #4c5b69; --line: #c5d0d9; --accent: #0a6484; --miss: #a34a05; --bad: #a1161b }
@media (prefers-color-scheme: dark) { :root { --ground: #0e161d; --raised: #17222c; --text: #e5edf3; --muted: #a3b3c1; --line: #354553; --accent: #63c7e6; --miss: #f3a55f; --bad: #ff9a94 } }
* { box-sizing: border-box }
body { margin: 0; background: var(--ground); color: var(--text); font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere }
header, main, footer { max-width: 60rem; margin: 0 auto; padding: 1rem }
main { padding-top: 0 }
h1 { font-size: 1.5rem; margin: 0 }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem }
p { margin: .5rem 0; max-width: 44rem }
a { color: var(--accent) }
a:focus-visible, summary:focus-visible, [tabindex]:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px }
small, .muted, footer, caption { color: var(--muted) }
small { display: block; font-size: .875rem }
code, pre { font: .875rem/1.5 ui-monospace, monospace }
pre { margin: .5rem 0; padding: .75rem; background: var(--raised); border: 1px solid var(--line); border-radius: .375rem; overflow-x: auto; overflow-wrap: normal }
.notice { margin: 1rem 0 0; padding: .75rem 1rem; max-width: none; background: var(--raised); border: 1px solid var(--line); border-left: .375rem solid var(--accent); border-radius: .375rem }
.notice > p:first-child { margin-top: 0 }
.notice > p:last-child { margin-bottom: 0 }
.notice.bad { border-left-color: var(--bad) }
.notice.bad strong { color: var(--bad) }
.low b { color: var(--bad) }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); gap: .75rem; margin: 1rem 0 }
.tiles > div { padding: .75rem 1rem; background: var(--raised); border: 1px solid var(--line); border-radius: .375rem }
dt { color: var(--muted) }
dd { margin: 0 }
dd b { font-size: 1.6rem; font-weight: 600; line-height: 1.3 }
meter { width: 100%; height: .75rem }
figure { margin: 1rem 0 }
figcaption { font-weight: 600 }
.plot { display: grid; grid-template-columns: auto 1fr; gap: 0 .5rem; margin-top: .5rem }
.plot .scale { display: flex; flex-direction: column; justify-content: space-between; text-align: right; height: 9rem; line-height: 1 }
.plot .span { grid-column: 2; display: flex; justify-content: space-between; padding-top: .25rem }
.plot .span.days { display: grid; grid-auto-columns: minmax(0, 1fr); grid-auto-flow: column; text-align: center }
.plot .scale, .plot .span { font-size: .8125rem; color: var(--muted) }
.plot svg { display: block; width: 100%; height: 9rem; border-bottom: 1px solid var(--muted); border-top: 1px dashed var(--line) }
.stored { fill: var(--accent) }
.fetched { fill: var(--ground); stroke: var(--miss); stroke-width: 1.5px; vector-effect: non-scaling-stroke }
.key { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: .5rem 0; padding: 0; list-style: none; font-size: .875rem }
.key svg { width: .875rem; height: .875rem; vertical-align: -.1em; overflow: visible }
table { width: 100%; border-collapse: collapse; margin: .5rem 0 }
caption { text-align: left; font-size: .875rem }
th, td { padding: .375rem .75rem .375rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top }
thead th { color: var(--muted); font-weight: 600; font-size: .875rem }
tbody th { font-weight: 500; min-width: 9rem }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
.became { width: 34%; min-width: 8rem }
.scroll { overflow-x: auto }
.outcome { display: inline-block; padding: 0 .5rem; border: 1px solid currentColor; border-radius: 1rem; font-size: .875rem; overflow-wrap: normal; white-space: nowrap }
.outcome.miss { color: var(--miss) }
.outcome.stale { color: var(--bad); border-style: dashed }
.outcome.hit, .outcome.revalidated { color: var(--accent) }
form { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem }
input, button { font: inherit; padding: .375rem .75rem; color: var(--text); background: var(--raised); border: 1px solid var(--muted); border-radius: .375rem }
button { cursor: pointer }
input:focus-visible, button:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px }
details { border-bottom: 1px solid var(--line) }
summary { padding: .625rem 0; cursor: pointer }
.names { columns: 16rem; padding-left: 1.25rem }
`;

/**
 * What the page may load and do: its own style sheet, its own form where it has one, and nothing else.
 *
 * @param styleHash - SHA-256 of {@link STYLE} in base64
 */
export function formatPolicy(styleHash: string, hasForm: boolean): string {
  return [
    "default-src 'none'",
    `style-src 'sha256-${styleHash}'`,
    "img-src data:",
    "base-uri 'none'",
    `form-action ${hasForm ? "'self'" : "'none'"}`,
    "frame-ancestors 'none'",
  ].join("; ");
}
