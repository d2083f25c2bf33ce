import { describeReplacementKills } from './replacement-kills.ts';

// Beginning, ending and hastening; with KILLS=all also whatever may come between (minutes).
describeReplacementKills('file', process.env['KILLS'] === 'all' ? 'all' : 'core');
describeReplacementKills('vault', 'core');
