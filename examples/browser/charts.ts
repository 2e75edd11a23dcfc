/** The two charts, in the colours of the page. */
import uPlot from 'uplot';
import type {Point} from './history.js';

const HEIGHT = 230;

interface Line {
  label: string;
  colour: string;
  width: number;
  value: (point: Point) => number;
}

/** A chart over steps that follows the size of its element and the page's light or dark colours. */
class StepChart {
  private plot: uPlot | null = null;
  private points: readonly Point[] = [];

  constructor(
    private readonly element: HTMLElement,
    private readonly lines: Line[],
    private readonly format: (value: number) => string,
  ) {
    new ResizeObserver(() => {
      this.plot?.setSize({width: this.element.clientWidth, height: HEIGHT});
    }).observe(element);
  }

  show(points: readonly Point[]): void {
    this.points = points;
    this.element.toggleAttribute('data-empty', points.length === 0);
    if (this.plot == null) this.plot = this.make();
    this.plot.setData(this.data());
  }

  /** Draws anew with the colours that the page has now. */
  restyle(): void {
    this.plot?.destroy();
    this.plot = null;
    this.show(this.points);
  }

  private data(): uPlot.AlignedData {
    const steps = this.points.map(({step}) => step);
    return [steps, ...this.lines.map(({value}) => this.points.map(value))] as uPlot.AlignedData;
  }

  private make(): uPlot {
    const style = getComputedStyle(this.element);
    // A canvas knows neither var() nor light-dark(): the browser works them out.
    const colour = (name: string) => {
      this.element.style.color = `var(${name})`;
      const value = style.color;
      this.element.style.color = '';
      return value;
    };
    const axis = {
      stroke: colour('--dim'),
      grid: {stroke: colour('--line'), width: 1},
      ticks: {stroke: colour('--line'), width: 1},
      font: `12px ${style.fontFamily}`,
    };
    const options: uPlot.Options = {
      width: this.element.clientWidth,
      height: HEIGHT,
      scales: {x: {time: false}},
      legend: {live: true},
      cursor: {points: {size: 7}},
      axes: [
        {...axis, values: (_, ticks) => ticks.map((tick) => (tick % 1 === 0 ? String(tick) : ''))},
        {...axis, size: 56, values: (_, ticks) => ticks.map(this.format)},
      ],
      series: [
        {label: 'step'},
        ...this.lines.map(({label, colour: name, width}) => ({
          label,
          stroke: colour(name),
          width,
          points: {show: false},
          value: (_: uPlot, value: number | null) => (value == null ? '–' : this.format(value)),
        })),
      ],
    };
    return new uPlot(options, this.data(), this.element);
  }
}

/** Loss and tokens per second, both by step. */
export class Charts {
  private readonly charts: StepChart[];

  constructor(loss: HTMLElement, speed: HTMLElement) {
    this.charts = [
      new StepChart(
        loss,
        [
          {label: 'loss', colour: '--faint', width: 1, value: (point) => point.loss},
          {label: 'smoothed', colour: '--accent', width: 2, value: (point) => point.smooth},
        ],
        (value) => value.toFixed(2),
      ),
      new StepChart(
        speed,
        [{label: 'tokens/s', colour: '--second', width: 2, value: (p) => p.tokensPerSecond}],
        (value) => Math.round(value).toLocaleString('en'),
      ),
    ];
  }

  show(points: readonly Point[]): void {
    this.charts.forEach((chart) => chart.show(points));
  }

  restyle(): void {
    this.charts.forEach((chart) => chart.restyle());
  }
}
