import { describeQuietSyncs } from './quiet-syncs.ts';

describeQuietSyncs('file');
describeQuietSyncs('vault');
