/**
 * Draws the charts in the page; plain JavaScript, since it runs in the reader's browser as it stands.
 * `charts` is put before it: `[{id, x, y, series: [{name, color, dash, points, x, y}]}]`.
 */
export const PAGE_SCRIPT = `
const style = getComputedStyle(document.documentElement);
const ink = style.getPropertyValue('--dim'), line = style.getPropertyValue('--line');
for (const chart of charts) {
  const place = document.getElementById(chart.id);
  const data = uPlot.join(chart.series.map((s) => [s.x, s.y]));
  const axis = (label) => ({label, stroke: ink, grid: {stroke: line, width: 1}, ticks: {stroke: line}});
  const width = () => Math.max(260, place.clientWidth);
  const options = {
    width: width(), height: 300,
    scales: {x: {time: false}},
    axes: [axis(chart.x), axis(chart.y)],
    series: [{label: chart.x}].concat(chart.series.map((s) => ({
      label: s.name, stroke: s.color, width: s.points ? 1.5 : 2, dash: s.dash, spanGaps: true,
      points: {show: !!s.points, size: 6},
      value: (_, v) => v == null ? '–' : v.toFixed(3),
    }))),
    cursor: {drag: {x: true, y: false}},
  };
  const plot = new uPlot(options, data, place);
  new ResizeObserver(() => plot.setSize({width: width(), height: 300})).observe(place);
}
`;
