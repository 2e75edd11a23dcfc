/** `tfjs-mapl setup` for a clone in which nothing is installed or built yet. */
import {ensurePackages, ensureTensorFlow} from './bootstrap.mjs';

ensurePackages();
process.exitCode = ensureTensorFlow(process.argv.slice(2)).ok ? 0 : 1;
