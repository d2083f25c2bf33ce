/*
 * Everything that the program does to the account, the sink and the exported files, by operation and in its order. The
 * program may be killed before and after each of these; test/unit/reconcile/crash-points.test.ts compares the table
 * with the source, and with where the crash tests stop.
 */

/** One effect: in plain words, and the way from the operation's function to the call. */
interface Effect {
  readonly effect: string;
  /** `giveUp#2 > clearIntent: records.write`: the second `giveUp` of the function, in which `clearIntent` writes. */
  readonly at: string;
  /** Why no run can come there, where the code has a way that leads there all the same. */
  readonly never?: string;
}

export interface OperationEffects {
  readonly operation: string;
  /** The file and the function that it begins with. */
  readonly root: string;
  readonly effects: readonly Effect[];
}

/** A subscription is made in the same way for `create` and for `replace`; `never`: why no record of it is empty. */
function making(never?: string): readonly Effect[] {
  const vacant = never === undefined ? {} : { never };
  return [
    { effect: 'the intent is written', at: 'makeSubscription > putIntent: records.write' },
    { effect: 'POST to the marked URL', at: 'makeSubscription: writer.createSubscription' },
    {
      effect: 'the POST failed: what it left is claimed',
      at: 'makeSubscription > cleanUp > deleteMarked > putIntent: records.write',
    },
    {
      effect: 'the POST failed: what it left is deleted',
      at: 'makeSubscription > cleanUp > deleteMarked: writer.deleteSubscription',
    },
    {
      effect: 'told to stop between two attempts: the empty record goes',
      at: 'makeSubscription > giveUp#1 > clearIntent: records.remove',
      ...vacant,
    },
    {
      effect: 'told to stop between two attempts: the intent is cleared',
      at: 'makeSubscription > giveUp#1 > clearIntent: records.write',
    },
    {
      effect: 'the POST was refused: the empty record goes',
      at: 'makeSubscription > giveUp#2 > clearIntent: records.remove',
      ...vacant,
    },
    {
      effect: 'the POST was refused: the intent is cleared',
      at: 'makeSubscription > giveUp#2 > clearIntent: records.write',
    },
    {
      effect: 'the secret is stored',
      at: 'makeSubscription > store > storeRecord > storeUntil: records.write',
    },
    {
      effect: 'undo: another process has the record, so what was made is deleted',
      at: 'makeSubscription > store > undo: writer.deleteSubscription',
    },
    {
      effect: 'undo: the sink refuses the secret, so what was made is deleted',
      at: 'makeSubscription > store > compensate: writer.deleteSubscription',
    },
    {
      effect: 'undo: the empty record goes',
      at: 'makeSubscription > store > compensate > clearIntent: records.remove',
      ...vacant,
    },
    {
      effect: 'undo: the intent is cleared',
      at: 'makeSubscription > store > compensate > clearIntent: records.write',
    },
  ];
}

/** In the order of the life of an entry. */
export const EFFECTS: readonly OperationEffects[] = [
  {
    operation: 'begin a pass',
    root: 'reconcile-once.ts apply',
    effects: [{ effect: 'the installation is written', at: 'openInstallation: sink.writeInstallation' }],
  },
  {
    operation: 'write a record',
    root: 'records.ts write',
    effects: [{ effect: 'the record is written', at: 'writeOrSettle: sink.write' }],
  },
  {
    operation: 'remove a record',
    root: 'records.ts remove',
    effects: [{ effect: 'the record is removed', at: 'sink.remove' }],
  },
  {
    operation: 'create',
    root: 'create.ts createEntry',
    effects: [...making(), { effect: 'PUT of the declared URL', at: 'activate: writer.updateSubscription' }],
  },
  {
    operation: 'recover',
    root: 'change.ts recoverEntry',
    effects: [
      { effect: 'the intent is claimed', at: 'deleteMarked > putIntent: records.write' },
      { effect: 'DELETE of what is live at the marked URL', at: 'deleteMarked: writer.deleteSubscription' },
      { effect: 'the empty record goes', at: 'clearIntent: records.remove' },
      { effect: 'the intent is cleared', at: 'clearIntent: records.write' },
    ],
  },
  {
    operation: 'collect',
    root: 'change.ts collectOrphan',
    effects: [{ effect: 'DELETE of what carries our mark', at: 'writer.deleteSubscription' }],
  },
  {
    operation: 'update, revive',
    root: 'change.ts updateEntry',
    effects: [
      { effect: 'the record is claimed', at: 'claimRecord: records.write' },
      { effect: 'PUT of the fields', at: 'tryUpdate: writer.updateSubscription' },
      { effect: 'what was applied is written', at: 'records.write' },
    ],
  },
  {
    operation: 'make way',
    root: 'change.ts makeWay',
    effects: [
      { effect: 'the record is claimed', at: 'claimRecord: records.write' },
      { effect: 'PUT of a marked URL', at: 'writer.updateSubscription' },
    ],
  },
  {
    operation: 'rename',
    root: 'change.ts renameEntry',
    effects: [
      { effect: 'the record is written under the new name', at: 'claimRecord#1: records.write' },
      {
        effect: 'the old one is claimed: its replacement does not move along',
        at: 'claimRecord#2: records.write',
      },
      { effect: 'that replacement goes', at: 'writer.deleteSubscription' },
      { effect: 'the old record goes', at: 'records.remove' },
    ],
  },
  {
    operation: 'replace: begin',
    root: 'replace.ts begin',
    effects: [
      ...making('the record names what is replaced, so it is never empty'),
      { effect: 'an adoption failed: the record that it made goes', at: 'putBack: records.remove' },
      { effect: 'an adoption failed: the record is what it was', at: 'putBack: records.write' },
    ],
  },
  {
    operation: 'replace: rest',
    root: 'replace.ts rest',
    effects: [
      { effect: 'it is noted that the secret is compromised', at: 'claimRecord#1: records.write' },
      { effect: 'the record is claimed', at: 'claimRecord#2: records.write' },
      { effect: 'PUT that deactivates the new one', at: 'writer.updateSubscription' },
      { effect: 'receivers are shown the secret', at: 'beginOverlap: showSecrets' },
      { effect: 'it is written since when the overlap counts', at: 'beginOverlap: records.write' },
      {
        effect: 'another process went on: PUT that activates the new one again',
        at: 'activateAgain: writer.updateSubscription',
      },
    ],
  },
  {
    operation: 'replace: switch',
    root: 'replace.ts switchOver',
    effects: [
      { effect: 'the record is claimed', at: 'claimRecord: records.write' },
      { effect: 'receivers are shown the secret', at: 'showSecrets' },
      { effect: 'PUT that activates the new one', at: 'writer.updateSubscription' },
      { effect: 'DELETE of the old one', at: 'writer.deleteSubscription' },
    ],
  },
  {
    operation: 'replace: finish',
    root: 'replace.ts finish',
    effects: [
      { effect: 'the record is claimed', at: 'claimRecord: records.write' },
      { effect: 'PUT of the declared URL', at: 'writer.updateSubscription' },
      { effect: 'the new one is written as current', at: 'records.write' },
    ],
  },
  {
    operation: 'replace: give up',
    root: 'replace.ts drop',
    effects: [
      { effect: 'the record is claimed', at: 'claimRecord#1: records.write' },
      { effect: 'DELETE of the new one', at: 'writer.deleteSubscription' },
      { effect: 'the empty record goes', at: 'records.remove' },
      { effect: 'the record forgets the new one', at: 'claimRecord#2: records.write' },
    ],
  },
  {
    operation: 'forget',
    root: 'change.ts forgetOf',
    effects: [{ effect: 'the record is written without it', at: 'records.write' }],
  },
  {
    operation: 'retire',
    root: 'change.ts retireEntry',
    effects: [
      { effect: 'the retirement is written', at: 'claimRecord: records.write' },
      { effect: 'DELETE of what was to take over', at: 'writer.deleteSubscription' },
      { effect: 'PUT that deactivates it', at: 'writer.updateSubscription' },
      { effect: 'the record forgets what was to take over', at: 'records.write' },
    ],
  },
  {
    operation: 'delete',
    root: 'change.ts deleteEntry',
    effects: [
      { effect: 'the record is claimed', at: 'claimRecord: records.write' },
      { effect: 'DELETE of what was to take over', at: 'writer.deleteSubscription#1' },
      { effect: 'DELETE of the subscription', at: 'writer.deleteSubscription#2' },
      { effect: 'the record goes', at: 'records.remove' },
    ],
  },
  {
    operation: 'adopt',
    root: 'adopt.ts adoptEntries',
    effects: [
      { effect: 'the installation is written', at: 'openInstallation: sink.writeInstallation' },
      { effect: 'the record is written, with the secret', at: 'records.write' },
    ],
  },
  {
    operation: 'release',
    root: 'release.ts releaseEntries',
    effects: [
      { effect: 'the secrets are kept', at: 'keep' },
      { effect: 'a record goes', at: 'removeOne: sink.remove' },
    ],
  },
  {
    operation: 'pause',
    root: 'pauses.ts setPauses',
    effects: [{ effect: 'the installation is written', at: 'changeInstallation: sink.writeInstallation' }],
  },
  {
    operation: 'resume',
    root: 'pauses.ts liftPauses',
    effects: [{ effect: 'the installation is written', at: 'changeInstallation: sink.writeInstallation' }],
  },
  {
    operation: 'move-records',
    root: 'move-records.ts moveRecords',
    effects: [
      {
        effect: 'the source is paused',
        at: 'pauseSource > changeInstallation: sink.writeInstallation',
      },
      { effect: 'the destination is paused', at: 'pauseDestination: sink.writeInstallation' },
      { effect: 'a record is written there', at: 'copy: records.write' },
      { effect: 'a record is removed here', at: 'removeHere: sink.remove' },
      {
        effect: 'the source gets another id',
        at: 'finish > changeInstallation#1: sink.writeInstallation',
      },
      {
        effect: 'the destination is resumed',
        at: 'finish > changeInstallation#2: sink.writeInstallation',
      },
    ],
  },
  {
    operation: 'export',
    root: 'open-export.ts openExport',
    effects: [
      { effect: 'the ways to the folder are made', at: 'makeExportFolder: fs.mkdir' },
      { effect: 'the folder is made', at: 'makeExportFolder > makeClosedFolder: fs.mkdir' },
      { effect: 'the folder gets its group', at: 'makeExportFolder > openFolderTo: fs.chown' },
      { effect: 'the folder gets its bits', at: 'makeExportFolder > openFolderTo: fs.chmod' },
      { effect: '.gitignore is made', at: 'hideFromGit > createDurably: fs.open' },
      { effect: '.gitignore is written', at: 'hideFromGit > createDurably: file.writeFile' },
      { effect: '.gitignore gets its bits', at: 'hideFromGit > createDurably: file.chmod' },
      {
        effect: 'a generation is made',
        at: 'writeGeneration > makeGeneration > makeClosedFolder#1: fs.mkdir',
      },
      {
        effect: 'the folder of an entry is made',
        at: 'writeGeneration > makeGeneration > makeClosedFolder#2: fs.mkdir',
      },
      { effect: 'a file is made', at: 'writeGeneration > makeGeneration > writeFile: fs.open' },
      { effect: 'a file is written', at: 'writeGeneration > makeGeneration > writeFile: file.writeFile' },
      { effect: 'a file gets its group', at: 'writeGeneration > makeGeneration > writeFile: file.chown' },
      { effect: 'a file gets its bits', at: 'writeGeneration > makeGeneration > writeFile: file.chmod' },
      {
        effect: 'the folder of an entry gets its group',
        at: 'writeGeneration > makeGeneration > openFolderTo: fs.chown',
      },
      {
        effect: 'the folder of an entry gets its bits',
        at: 'writeGeneration > makeGeneration > openFolderTo: fs.chmod',
      },
      { effect: 'a link to the generation is made', at: 'writeGeneration > placeLink: fs.symlink' },
      { effect: 'the swap: that link becomes ..data', at: 'writeGeneration > placeLink: fs.rename' },
      { effect: 'the swap failed: its link goes', at: 'writeGeneration > placeLink: fs.rm' },
      { effect: 'the swap failed: the generation goes', at: 'writeGeneration > removeUnused: fs.rm' },
      { effect: 'a visible link is made', at: 'showNames > placeLink: fs.symlink' },
      { effect: 'a visible link comes to its name', at: 'showNames > placeLink: fs.rename' },
      { effect: 'a visible link did not come to its name: it goes', at: 'showNames > placeLink: fs.rm' },
      { effect: 'the visible link of what is gone goes', at: 'showNames: fs.unlink' },
      { effect: 'what a swap has replaced goes', at: 'openLeftovers > discard: fs.rm' },
    ],
  },
];
