/** A page of its own for a study: its tables and plots, in one file. */
import {marked} from 'marked';

const escape = (text: string) =>
  text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');

/** Everything in one HTML file. */
export function studyPage(title: string, markdown: string, svgs: readonly string[]): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escape(title)}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body{font:16px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#1f2933}
table{border-collapse:collapse;margin:1rem 0;font-variant-numeric:tabular-nums}
td,th{border-bottom:1px solid #d9e2ec;padding:.3rem .8rem;text-align:left}
svg{max-width:100%;height:auto}
</style></head><body>
${marked.parse(markdown, {async: false})}
${svgs.join('\n')}
</body></html>
`;
}
