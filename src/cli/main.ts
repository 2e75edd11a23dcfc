import {main} from './program.js';

// No top-level await: in the bundle it would run before the modules that are imported on demand exist.
void main(process.argv.slice(2)).then((code) => {
  // Backends keep threads and timers; everything that matters is done and written.
  if (code !== null) process.exit(code);
});
