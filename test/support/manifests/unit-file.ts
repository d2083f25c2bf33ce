/** The settings of a unit file of systemd by section and key; a key that stands several times has several values. */
export type UnitFile = Map<string, Map<string, string[]>>;

/** Reads a unit file; fails on a line that is none. */
export function parseUnit(text: string): UnitFile {
  const sections: UnitFile = new Map();
  let section = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const title = /^\[([A-Za-z]+)\]$/.exec(line)?.[1];
    const [, key, value] = /^([A-Za-z]+)=(.*)$/.exec(line) ?? [];
    if (title !== undefined) {
      section = sections.get(title) ?? new Map<string, string[]>();
      sections.set(title, section);
    } else if (key !== undefined && value !== undefined) {
      section.set(key, [...(section.get(key) ?? []), value]);
    } else {
      throw new Error(`not a line of a unit: ${line}`);
    }
  }
  return sections;
}

/** What the unit must say, by key; the value is exact. */
const WANTED: Readonly<Record<string, string>> = {
  NoNewPrivileges: 'yes',
  CapabilityBoundingSet: '',
  AmbientCapabilities: '',
  ProtectSystem: 'strict',
  ProtectHome: 'yes',
  PrivateTmp: 'yes',
  PrivateDevices: 'yes',
  ProtectClock: 'yes',
  ProtectControlGroups: 'yes',
  ProtectHostname: 'yes',
  ProtectKernelLogs: 'yes',
  ProtectKernelModules: 'yes',
  ProtectKernelTunables: 'yes',
  LockPersonality: 'yes',
  RestrictAddressFamilies: 'AF_INET AF_INET6 AF_UNIX',
  RestrictNamespaces: 'yes',
  RestrictRealtime: 'yes',
  RestrictSUIDSGID: 'yes',
  SystemCallArchitectures: 'native',
  SystemCallFilter: '@system-service',
  // V8 compiles at run time.
  MemoryDenyWriteExecute: 'no',
  LimitCORE: '0',
  UMask: '0077',
  User: 'linq-gitops',
  StateDirectory: 'linq-gitops',
  StateDirectoryMode: '0700',
  RuntimeDirectory: 'linq-gitops',
  LoadCredential: 'api-key:/etc/linq-gitops/api-key',
  Restart: 'on-failure',
  ExecReload: '/bin/kill -HUP $MAINPID',
};

/** What is missing in the service, in words. */
export function unitProblems(unit: UnitFile): readonly string[] {
  const service = unit.get('Service') ?? new Map<string, string[]>();
  const words = (key: string): readonly string[] => service.get(key)?.[0]?.split(' ') ?? [];
  return [
    ...Object.entries(WANTED).flatMap(([key, value]) =>
      service.get(key)?.length === 1 && service.get(key)?.[0] === value ? [] : [key],
    ),
    ...(words('RestartPreventExitStatus').includes('78') ? [] : ['RestartPreventExitStatus']),
    ...(Number(words('TimeoutStopSec')[0]) >= 30 ? [] : ['TimeoutStopSec']),
    // Whether another writer still works is seen in /proc.
    ...['ProtectProc', 'ProcSubset', 'DynamicUser'].filter((key) => service.has(key)),
    ...(service.get('Environment') ?? []).filter((line) => /_API_KEY=|TOKEN=/.test(line)),
  ];
}
