/** Letting the browser draw and take clicks between two steps of training. */
import * as tf from '@tensorflow/tfjs-core';

/**
 * Resolves when the page has had its turn: at the next frame, or at once where the tab is hidden. A hidden tab has no
 * frames, and training would stop there without a word.
 */
export async function yieldToPage(): Promise<void> {
  if (typeof document === 'undefined') return tf.nextFrame();
  if (document.hidden) return nextTask();
  let hidden: (() => void) | undefined;
  const becameHidden = new Promise<void>((resolve) => {
    hidden = () => resolve();
    document.addEventListener('visibilitychange', hidden);
  });
  await Promise.race([tf.nextFrame(), becameHidden]);
  document.removeEventListener('visibilitychange', hidden!);
}

/** As `setTimeout(0)`, which browsers slow down to once a second, or a minute, in hidden tabs. */
function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    const {port1, port2} = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
