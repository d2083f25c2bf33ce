/**
 * `node -r ./usage.cjs …`: writes what the process has used to the descriptor 3 when it ends, as one JSON object. Loaded
 * into both sides of a pair, so that its own cost is in neither.
 */
'use strict';
const { writeSync } = require('node:fs');

process.on('exit', () => {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  writeSync(3, JSON.stringify({ cpuMs: (userCPUTime + systemCPUTime) / 1_000, peakMiB: maxRSS / 1_024 }));
});
