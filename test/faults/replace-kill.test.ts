import { describeReplacementKills } from './replacement-kills.ts';

describeReplacementKills('file');
describeReplacementKills('vault', 'core');
