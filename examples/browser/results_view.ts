/** The right side of the page: status, numbers, boundaries, sample. */
import type {BoundaryHealth} from './boundary_health.js';
import {element, make} from './elements.js';
import type {Point} from './history.js';

export function showStatus(text: string): void {
  const status = element('status');
  // Screen readers read every change: once is enough.
  if (status.textContent !== text) status.textContent = text;
}

/** Shows what went wrong, until the next {@link hideAlert}. */
export function showAlert(text: string, options: {reload?: boolean} = {}): void {
  element('reload').hidden = !options.reload;
  element('alert').hidden = false;
  element('alert-text').textContent = text;
}

export function hideAlert(): void {
  element('alert').hidden = true;
}

export function showPoint(point: Point | null): void {
  const number = (value: number, digits: number) =>
    value.toLocaleString('en', {minimumFractionDigits: digits, maximumFractionDigits: digits});
  element('step').textContent = point == null ? '–' : number(point.step, 0);
  element('loss').textContent = point == null ? '–' : number(point.smooth, 3);
  element('speed').textContent = point == null ? '–' : number(point.tokensPerSecond, 0);
}

/** @param traffic Bytes of a token over all boundaries, both ways. */
export function showTraffic(traffic: {bytes: number; uncompressed: number} | null): void {
  const none = traffic == null || traffic.bytes === 0;
  element('traffic').textContent = none ? '–' : String(traffic.bytes);
  element('instead').textContent = none ? 'bytes' : `bytes, not ${traffic.uncompressed}`;
}

/** A row for each boundary. */
export function showBoundaries(health: BoundaryHealth[]): void {
  const share = (value: number, className: string) => {
    const bar = make('i');
    bar.style.width = `${100 * value}%`;
    return make('td', {}, make('span', {className}, bar), `${(100 * value).toFixed(1)} %`);
  };
  const rows = health.map(({captured, capturedAtStart, orthogonality}, i) =>
    make(
      'tr',
      {},
      Object.assign(make('th', {textContent: `${i} → ${i + 1}`}), {scope: 'row'}),
      share(captured, 'bar'),
      share(capturedAtStart, 'bar second'),
      make('td', {textContent: orthogonality.toExponential(1)}),
    ),
  );
  if (rows.length === 0) {
    rows.push(
      make('tr', {}, make('td', {colSpan: 4, textContent: 'none so far', className: 'note'})),
    );
  }
  element('boundaries').replaceChildren(...rows);
}

/** The prompt, and what the model made of it. */
export function showSample(prompt: string, text: string): void {
  element('sample').replaceChildren(make('b', {textContent: prompt}), text);
}
