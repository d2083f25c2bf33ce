import { describeProcessPairs } from './process-pairs.ts';

describeProcessPairs('file', [1, 2, 3]);
describeProcessPairs('vault', [1, 2, 3]);
