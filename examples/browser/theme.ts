/** Light, dark, or as the system has it. */
import {element} from './elements.js';

const KEY = 'tfjs-mapl-example.theme';

/** @param onChange called when the colours of the page have changed, by choice or by the system */
export function setUpTheme(onChange: () => void): void {
  const select = element<HTMLSelectElement>('theme');
  const apply = (theme: string) => {
    if (theme === '') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
  };
  try {
    select.value = localStorage.getItem(KEY) ?? '';
  } catch {
    // No storage: the choice holds until the page is left.
  }
  apply(select.value);
  select.addEventListener('change', () => {
    apply(select.value);
    try {
      localStorage.setItem(KEY, select.value);
    } catch {
      // As above.
    }
    onChange();
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', onChange);
}
