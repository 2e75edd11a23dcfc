/** Text safe inside HTML elements and attributes. */
export function escapeHtml(text: string): string {
  const signs: Record<string, string> = {'&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;'};
  return text.replace(/[&<>"]/g, (sign) => signs[sign]);
}

/** A JSON value safe inside a script element. */
export function scriptJson(value: unknown): string {
  return JSON.stringify(value)
    .replace(/</g, '\\u003c')
    .replace(/\u2028|\u2029/g, ' ');
}

/** `4.0601`; a dash for what was not measured. */
export function formatLoss(loss: number | null | undefined): string {
  return loss == null ? '–' : loss.toFixed(4);
}

/** `+1.93 %` of `value` against `base`. */
export function formatDelta(value: number | null, base: number | null): string {
  if (value == null || base == null) return '–';
  const percent = (100 * (value - base)) / base;
  return `${percent < 0 ? '−' : '+'}${Math.abs(percent).toFixed(2)} %`;
}

/** `512`, `66.2`, `0.52`: three significant digits, never an exponent. */
export function formatNumber(value: number): string {
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 100) return Math.round(value).toLocaleString('en-US');
  return size >= 10 ? value.toFixed(1) : value.toFixed(size >= 1 ? 2 : 3);
}

/** `1,328,256` of a count. */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}

/** `1.2 MB` of bytes, powers of 1000. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let unit = 0;
  let value = bytes;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit ? formatNumber(value) : value} ${units[unit]}`;
}

/** `3 min 20 s` of seconds. */
export function formatSeconds(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** `1.3e-7`, for distances from a manifold. */
export function formatTiny(value: number): string {
  return value === 0 ? '0' : value.toExponential(1);
}

/** `37.4 %` of a share. */
export function formatShare(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
