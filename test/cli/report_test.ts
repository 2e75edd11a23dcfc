import {boundaryTable} from '../../src/cli/report/boundary_table.js';
import {comparisonTable} from '../../src/cli/report/comparison.js';
import {runCurves} from '../../src/cli/report/curves.js';
import {
  escapeHtml,
  formatBytes,
  formatDelta,
  formatNumber,
  formatSeconds,
  scriptJson,
} from '../../src/cli/report/format.js';
import {reportPage} from '../../src/cli/report/report_page.js';
import {terminalTable} from '../../src/cli/report/terminal_table.js';
import {exampleRun} from './support/example_run.js';

const runs = () => [exampleRun('none', 200), exampleRun('mapl', 200)];

describe('report page', () => {
  const page = () =>
    reportPage('Demo <1>', runs(), [{run: 'MAPL', prompt: 'The ', text: '</script><b>&'}]);

  it('fetches nothing', () => {
    const html = page();
    expect(html).not.toMatch(/https?:|\bsrc=|<link|@import|url\(|import\(/);
    expect(html).toContain('uPlot=function');
  });

  it('escapes text from outside', () => {
    const html = page();
    expect(html).toContain('<title>Demo &lt;1&gt;</title>');
    expect(html).toContain('&lt;/script&gt;&lt;b&gt;&amp;');
    expect(html).toContain('fastest of 3 &lt;measured&gt;');
    expect(html.match(/<script>/g)?.length).toBe(2);
    expect(html.match(/<\/script>/g)?.length).toBe(2);
  });

  it('has tables, charts and all settings', () => {
    const html = page();
    for (const id of ['loss-steps', 'loss-bytes', 'energy', 'ranks', 'angles']) {
      expect(html).toContain(`id="${id}"`);
    }
    expect(html).toContain('<td>training.muonLearningRate</td><td>0.02</td>');
    expect(html).toContain('&quot;none&quot;  |  &quot;mapl&quot;');
  });

  it('of one uncompressed run has no projectors', () => {
    const html = reportPage('One', [exampleRun('none', 60)]);
    expect(html).not.toContain('<h2>Boundaries');
    expect(html).not.toContain('id="energy"');
  });
});

describe('tables', () => {
  it('compare with the first run', () => {
    const [baseline, mapl] = runs().map(({summary}) => summary);
    baseline.loss.validation = 4.06;
    mapl.loss.validation = 4.137;
    const {rows} = comparisonTable([baseline, mapl]);
    expect(rows[0].slice(0, 3)).toEqual(['uncompressed', '4.0600', '']);
    // (4.137 − 4.06) / 4.06 = 1.8966 %
    expect(rows[1].slice(0, 3)).toEqual(['MAPL 4×', '4.1370', '+1.90 %']);
    // 3 boundaries × 256 bytes against 3 × 66: 768 / 198 = 3.88
    expect(rows[1][5]).toBe('198 (÷3.88)');
  });

  it('list every projector', () => {
    const {rows} = boundaryTable(runs().map(({summary}) => summary));
    expect(rows.length).toBe(3);
    expect(rows[0].slice(2, 9)).toEqual(['3.0e-7', '70.0 %', '25.0 %', '40', '90', '', '0.985']);
    expect(rows[1]).toEqual([
      ...[
        'MAPL 4×',
        '1 → 2',
        '3.0e-7',
        '75.0 %',
        '25.0 %',
        '40',
        '90',
        '53.1° (to 72.0°)',
        '0.985',
      ],
      ...['66.0', '64.0'],
    ]);
  });

  it('have columns for what was measured only', () => {
    const {summary} = exampleRun('mapl', 50);
    summary.boundaries = [
      {boundary: 0, codec: {'forward dead': 3, 'forward perplexity': 200.5}},
      {boundary: 1, capturedEnergy: 0.5},
    ];
    expect(boundaryTable([summary])).toEqual({
      head: [
        ...['Run', 'Boundary', 'Captured energy', 'forward dead', 'forward perplexity'],
        ...['Bytes/token forward', 'backward'],
      ],
      rows: [
        ['MAPL 4×', '0 → 1', '', '3.00', '201', '66.0', '64.0'],
        ['MAPL 4×', '1 → 2', '50.0 %', '', '', '66.0', '64.0'],
      ],
    });
  });

  it('draw on a terminal without colour codes', () => {
    const text = terminalTable({head: ['a', 'b'], rows: [['1', '2']]}, false);
    expect(text).toContain('│ 1 │ 2 │');
    expect(text).not.toContain('\u001b');
  });
});

describe('curves', () => {
  it('count bytes of all boundaries and legs', () => {
    const {summary, metrics} = exampleRun('mapl', 100);
    const curves = runCurves('x', metrics);
    // 100 steps × 4096 tokens × 3 × (66 + 64) bytes
    expect(curves.trainByBytes.x.at(-1)).toBeCloseTo(159.744, 6);
    expect(curves.heldOutBySteps.x).toEqual([50, 100]);
    expect(curves.heldOutByBytes.x[0]).toBeCloseTo(159.744 / 2, 6);
    expect([curves.energy, curves.ranks, curves.angles].map(({length}) => length)).toEqual([
      3, 3, 2,
    ]);
    expect(summary.steps).toBe(100);
  });

  it('are thinned, ends kept', () => {
    const {x} = runCurves('x', exampleRun('none', 5000).metrics).trainBySteps;
    expect(x.length).toBeLessThanOrEqual(601);
    expect([x[0], x.at(-1)]).toEqual([1, 5000]);
  });

  it('of no steps are empty', () => {
    expect(runCurves('x', []).trainBySteps.x).toEqual([]);
  });
});

describe('formats', () => {
  it('numbers, bytes, times', () => {
    expect([0, 0.5236, 5.236, 52.36, 523.6, 52360].map(formatNumber)).toEqual([
      '0',
      '0.524',
      '5.24',
      '52.4',
      '524',
      '52,360',
    ]);
    expect([12, 1500, 2.5e9].map(formatBytes)).toEqual(['12 B', '1.50 kB', '2.50 GB']);
    expect([59.4, 61, 7260].map(formatSeconds)).toEqual(['59 s', '1 min 1 s', '2 h 1 min']);
    expect(formatDelta(3.9, 4)).toBe('−2.50 %');
    expect(formatDelta(null, 4)).toBe('–');
  });

  it('text inside HTML and scripts', () => {
    expect(escapeHtml('<a b="&">')).toBe('&lt;a b=&quot;&amp;&quot;&gt;');
    expect(JSON.parse(scriptJson({a: '</script>'}))).toEqual({a: '</script>'});
    expect(scriptJson('</script>')).not.toContain('</');
  });
});
