/** The contestants' side of `contestant.ts`. */
import {createInterface} from 'node:readline';

/**
 * Says that the program is ready, then runs `step` for each line `step` on stdin and answers with its time and loss; a line
 * `profile` is answered with what `profile` gives.
 */
export async function answerLines(
  about: Record<string, unknown>,
  step: () => Promise<number>,
  profile: () => Promise<unknown> = async () => null,
): Promise<never> {
  console.log(JSON.stringify(about));
  for await (const line of createInterface({input: process.stdin})) {
    if (line.trim() === 'profile') console.log(JSON.stringify({profile: await profile()}));
    if (line.trim() !== 'step') continue;
    const start = performance.now();
    const loss = await step();
    console.log(JSON.stringify({ms: performance.now() - start, loss}));
  }
  process.exit(0);
}
