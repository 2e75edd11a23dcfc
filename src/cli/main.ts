import {main} from './program.js';

const code = await main(process.argv.slice(2));
// Backends keep threads and timers; everything that matters is done and written.
if (code !== null) process.exit(code);
