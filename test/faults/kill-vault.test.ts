import { describeKills } from './kills.ts';

// Each kind of operation once; with KILLS=all every scenario that runs on files (minutes).
describeKills('vault', process.env['KILLS'] === 'all' ? 'all' : 'core');
