import type { Container, PodSpec, Volume } from 'kubernetes-types/core/v1.js';
import { containersOf } from './kubernetes-set.ts';

/** Types of volumes that the restricted standard allows. */
const VOLUMES = [
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'persistentVolumeClaim',
  'projected',
  'secret',
];
const SECCOMP = ['RuntimeDefault', 'Localhost'];
/** Sysctls that the baseline standard allows. */
const SYSCTLS = [
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ping_group_range',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_syncookies',
];

/**
 * What the restricted Pod Security Standard refuses in a pod, baseline included; every field of the standard, for
 * every container (https://kubernetes.io/docs/concepts/security/pod-security-standards/).
 */
export function restrictedProblems(pod: PodSpec): readonly string[] {
  return [
    ...['hostNetwork' as const, 'hostPID' as const, 'hostIPC' as const].flatMap((key) =>
      pod[key] === true ? [key] : [],
    ),
    ...contextProblems('pod', pod.securityContext),
    ...(pod.securityContext?.sysctls ?? []).flatMap(({ name }) =>
      SYSCTLS.includes(name) ? [] : [`sysctl ${name}`],
    ),
    ...(pod.volumes ?? []).flatMap(volumeProblems),
    ...containersOf(pod).flatMap((container) => containerProblems(container, pod)),
  ];
}

function volumeProblems(volume: Volume): readonly string[] {
  return Object.keys(volume)
    .filter((key) => key !== 'name' && !VOLUMES.includes(key))
    .map((key) => `volume ${volume.name}: ${key}`);
}

function containerProblems(container: Container, pod: PodSpec): readonly string[] {
  const context = container.securityContext ?? {};
  const drop = context.capabilities?.drop ?? [];
  const add = context.capabilities?.add ?? [];
  const seccomp = context.seccompProfile ?? pod.securityContext?.seccompProfile;
  const isNonRoot = context.runAsNonRoot ?? pod.securityContext?.runAsNonRoot;
  const problems = [
    ...(context.privileged === true ? ['privileged'] : []),
    ...(context.allowPrivilegeEscalation === false ? [] : ['allowPrivilegeEscalation']),
    ...(drop.includes('ALL') ? [] : ['capabilities.drop']),
    ...add.filter((name) => name !== 'NET_BIND_SERVICE').map((name) => `capabilities.add ${name}`),
    ...(isNonRoot === true ? [] : ['runAsNonRoot']),
    ...(seccomp !== undefined && SECCOMP.includes(seccomp.type) ? [] : ['seccompProfile']),
    ...(context.procMount === undefined || context.procMount === 'Default' ? [] : ['procMount']),
    ...(container.ports ?? []).filter(({ hostPort }) => (hostPort ?? 0) !== 0).map(() => 'hostPort'),
  ].map((problem) => `${container.name}: ${problem}`);
  return [...problems, ...contextProblems(container.name, context)];
}

/** What pods and containers both can say. */
function contextProblems(
  who: string,
  context: PodSpec['securityContext'] | Container['securityContext'],
): readonly string[] {
  if (context === undefined) return [];
  const selinux = context.seLinuxOptions;
  const app = (context as { appArmorProfile?: { type: string } }).appArmorProfile;
  return [
    ...(context.runAsUser === 0 ? ['runAsUser'] : []),
    ...(context.seccompProfile?.type === 'Unconfined' ? ['seccompProfile'] : []),
    ...(app?.type === 'Unconfined' ? ['appArmorProfile'] : []),
    ...(selinux?.user !== undefined || selinux?.role !== undefined ? ['seLinuxOptions'] : []),
    ...(context.windowsOptions?.hostProcess === true ? ['hostProcess'] : []),
  ].map((problem) => `${who}: ${problem}`);
}
