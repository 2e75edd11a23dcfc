/** Style of the report: system fonts, light and dark. */
export const PAGE_STYLE = `
:root{--fg:#1c2530;--dim:#5b6775;--bg:#fbfcfd;--card:#fff;--line:#dde3ea;--accent:#0b6bcb;color-scheme:light dark}
@media(prefers-color-scheme:dark){:root{--fg:#e4e9ef;--dim:#98a4b1;--bg:#12161b;--card:#1a2027;--line:#2d3641;--accent:#6cb2ff}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--fg);font:15px/1.55 system-ui,sans-serif}
main{max-width:1080px;margin:0 auto;padding:32px 20px 64px}
h1{font-size:26px;margin:0 0 4px}h2{font-size:18px;margin:36px 0 10px}
p.lead{color:var(--dim);margin:0 0 18px;max-width:80ch}
.card{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:14px;overflow-x:auto}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,460px),1fr));gap:16px}
.charts h3{font-size:14px;margin:0 0 8px}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:6px 10px;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
th{color:var(--dim);font-weight:600;font-size:13px}th:first-child,td:first-child{text-align:left}
tr:last-child td{border-bottom:0}
.key td{text-align:left;white-space:normal;word-break:break-word}
pre{white-space:pre-wrap;margin:0;font:13px/1.5 ui-monospace,monospace}
details summary{cursor:pointer;color:var(--accent)}
footer{margin-top:40px;color:var(--dim);font-size:13px}
.u-legend{font-size:12px;text-align:left}.u-legend th{color:var(--fg);font-weight:400}
`;
