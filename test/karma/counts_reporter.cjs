/** Writes how many specs passed, failed and were skipped to the file named by `--json`, as test/run.ts does. */
const fs = require('node:fs');

function countsReporter() {
  const counts = {passed: 0, failed: 0, skipped: 0};
  this.onSpecComplete = (_browser, {success, skipped}) => {
    if (skipped) counts.skipped++;
    else if (success) counts.passed++;
    else counts.failed++;
  };
  this.onBrowserError = () => counts.failed++;
  this.onRunComplete = () => {
    const file = process.env.MAPL_TEST_JSON;
    if (file) fs.writeFileSync(file, JSON.stringify(counts));
  };
}

module.exports = {countsReporter};
