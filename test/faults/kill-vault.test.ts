import { describeKills } from './kills.ts';

describeKills('vault');
