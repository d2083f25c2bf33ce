import type { Container, Service, Volume } from 'kubernetes-types/core/v1.js';
import type { NetworkPolicy } from 'kubernetes-types/networking/v1.js';
import { containersOf, ofKind, podOf, volumesOf, workloadOf, type ManifestSet } from './kubernetes-set.ts';

/** Objects that whoever applies a set makes themselves; the README says how. */
const MADE_BY_HAND = ['Secret/linq-api-key', 'Secret/git-credentials', 'ConfigMap/vault-ca'];

/** A rule of this project for its sets: what breaks it, in words; nothing where it holds. */
export type Rule = (set: ManifestSet) => readonly string[];

/** The root file system is read-only, users are numbers, limits are set, and nothing is handed to the pod unasked. */
export const hardeningProblems: Rule = (set) => {
  const pod = podOf(set);
  return [
    ...(pod.automountServiceAccountToken === false ? [] : ['automountServiceAccountToken']),
    ...(pod.enableServiceLinks === false ? [] : ['enableServiceLinks']),
    ...(pod.shareProcessNamespace === true ? ['shareProcessNamespace'] : []),
    ...((pod.terminationGracePeriodSeconds ?? 30) > 30 ? [] : ['terminationGracePeriodSeconds']),
    ...containersOf(pod).flatMap((container) => {
      const { requests = {}, limits = {} } = container.resources ?? {};
      const user = container.securityContext?.runAsUser ?? pod.securityContext?.runAsUser ?? 0;
      return [
        ...(container.securityContext?.readOnlyRootFilesystem === true ? [] : ['readOnlyRootFilesystem']),
        ...(user > 0 ? [] : ['runAsUser']),
        ...['cpu', 'memory'].filter((name) => !(name in requests)).map((name) => `requests.${name}`),
        ...['cpu', 'memory'].filter((name) => !(name in limits)).map((name) => `limits.${name}`),
        ...(isPinned(container.image ?? '') ? [] : [`image ${container.image ?? ''}`]),
        ...(container.env ?? [])
          .filter(({ valueFrom }) => valueFrom?.secretKeyRef)
          .map(() => 'secret in env'),
        ...(container.envFrom ? ['envFrom'] : []),
      ].map((problem) => `${container.name}: ${problem}`);
    }),
  ];
};

/** By a tag with a version, or a digest; never `latest`, and never none. */
function isPinned(image: string): boolean {
  return /@sha256:[0-9a-f]{64}$/.test(image) || /:v?\d+\.\d+\.\d+[\w.-]*$/.test(image);
}

/** No right in Kubernetes at all, beside a token that only Vault accepts. */
export const privilegeProblems: Rule = (set) => [
  ...[...set.objects.values()]
    .filter(({ apiVersion }) => apiVersion.startsWith('rbac.authorization.k8s.io/'))
    .map(({ kind, metadata }) => `${kind} ${metadata.name}`),
  ...ofKind(set, 'ServiceAccount')
    .filter(
      (account) =>
        !('automountServiceAccountToken' in account) || account.automountServiceAccountToken !== false,
    )
    .map(({ metadata }) => `ServiceAccount ${metadata.name}: automountServiceAccountToken`),
  ...ofKind(set, 'Secret').map(({ metadata }) => `Secret ${metadata.name} in a file`),
  ...(podOf(set).volumes ?? []).flatMap((volume) =>
    (volume.projected?.sources ?? []).flatMap(({ serviceAccountToken: token }) =>
      token && (token.audience ?? '') === '' ? [`volume ${volume.name}: a token without an audience`] : [],
    ),
  ),
];

/** Folders are mounted whole, for reading only where nothing is to be written, and secrets for their group. */
export const mountProblems: Rule = (set) => {
  const pod = podOf(set);
  const volumes = new Map(volumesOf(set).map((volume) => [volume.name, volume]));
  return [
    ...containersOf(pod).flatMap((container) =>
      (container.volumeMounts ?? []).flatMap((mount) => {
        const volume = volumes.get(mount.name);
        return [
          ...(volume ? [] : ['no such volume']),
          ...(mount.subPath !== undefined || mount.subPathExpr !== undefined ? ['subPath'] : []),
          ...(volume && isForReading(volume) && mount.readOnly !== true ? ['not read-only'] : []),
        ].map((problem) => `${container.name}: ${mount.name}: ${problem}`);
      }),
    ),
    ...[...volumes.values()].flatMap((volume) =>
      volume.secret !== undefined || volume.projected !== undefined
        ? secretModeProblems(volume, pod.securityContext?.fsGroup)
        : [],
    ),
    ...[...volumes.keys()]
      .filter(
        (name) =>
          !containersOf(pod).some(({ volumeMounts = [] }) => volumeMounts.some((m) => m.name === name)),
      )
      .map((name) => `volume ${name}: not used`),
  ];
};

function isForReading(volume: Volume): boolean {
  return volume.emptyDir === undefined && volume.persistentVolumeClaim === undefined;
}

/** Root owns mounted secrets: a user that is not root reads them through the group, and others must not. */
function secretModeProblems(volume: Volume, group: number | undefined): readonly string[] {
  const mode = volume.secret?.defaultMode ?? volume.projected?.defaultMode;
  return [
    ...(mode === 0o440 ? [] : [`volume ${volume.name}: mode ${(mode ?? 0o644).toString(8)}`]),
    ...(group === undefined ? [`volume ${volume.name}: no fsGroup to read it`] : []),
  ];
}

/** Liveness without dependencies, and start-up, not readiness, for what runs beside an application. */
export const probeProblems: Rule = (set) => {
  const pod = podOf(set);
  const main = pod.containers.find(isOurs);
  const sidecar = (pod.initContainers ?? []).find(isOurs);
  const ours = main ?? sidecar;
  if (!ours) return ['no linq-gitops'];
  const expected = {
    livenessProbe: '/livez',
    readinessProbe: main ? '/readyz' : undefined,
    startupProbe: main ? undefined : '/startupz',
  };
  const git = (pod.initContainers ?? []).find(({ name }) => name === 'git-sync');
  return [
    ...(['livenessProbe', 'readinessProbe', 'startupProbe'] as const).flatMap((key) =>
      ours[key]?.httpGet?.path === expected[key] ? [] : [key],
    ),
    ...(['livenessProbe', 'readinessProbe', 'startupProbe'] as const).flatMap((key) =>
      ours[key] === undefined || isPortOf(ours, ours[key].httpGet?.port) ? [] : [`${key}: port`],
    ),
    ...(git?.startupProbe ? ['git-sync: startupProbe'] : []),
    ...(pod.initContainers ?? []).flatMap(({ name, restartPolicy }) =>
      restartPolicy === 'Always' ? [] : [`${name}: restartPolicy`],
    ),
  ];
};

function isOurs({ name }: Container): boolean {
  return name === 'linq-gitops';
}

function isPortOf(container: Container, port: number | string | undefined): boolean {
  return (container.ports ?? []).some(({ name, containerPort }) => port === name || port === containerPort);
}

/** Never two writers that stay: one replica, replaced in the way that suits what is shared. */
export const replicaProblems: Rule = (set) => {
  const { kind, spec } = workloadOf(set);
  const strategies: Readonly<Record<string, string | undefined>> = {
    deployment: 'Recreate',
    sidecar: 'RollingUpdate',
  };
  const retention = spec.persistentVolumeClaimRetentionPolicy;
  return [
    ...(spec.replicas === 1 ? [] : ['replicas']),
    ...(spec.strategy?.type === strategies[set.name] ? [] : ['strategy']),
    ...(set.name === 'persistent-volume' && kind !== 'StatefulSet' ? ['kind'] : []),
    ...(spec.volumeClaimTemplates === undefined ||
    (retention?.whenDeleted === 'Retain' && retention.whenScaled === 'Retain')
      ? []
      : ['the claim is not retained']),
    ...(spec.volumeClaimTemplates === undefined ||
    spec.template.spec.securityContext?.fsGroupChangePolicy === 'OnRootMismatch'
      ? []
      : ['fsGroupChangePolicy']),
  ];
};

/** A policy over the pods, both ways, with nothing let in but what is named, and nothing out to everywhere. */
export const networkProblems: Rule = (set) => {
  const labels = workloadOf(set).spec.template.metadata?.labels ?? {};
  const policies = ofKind(set, 'NetworkPolicy') as NetworkPolicy[];
  const own = policies.filter(({ spec }) => isSelected(spec?.podSelector.matchLabels, labels));
  const [policy] = own;
  if (!policy?.spec) return ['no policy over the pods'];
  const { policyTypes = [], ingress = [], egress = [] } = policy.spec;
  const metrics = ingress.filter(({ ports = [] }) => ports.some(({ port }) => port === 9653));
  return [
    ...['Ingress', 'Egress'].filter((type) => !policyTypes.includes(type)),
    ...ingress.flatMap(({ from = [], ports = [] }) =>
      from.length > 0 && ports.length > 0 ? [] : ['ingress: open'],
    ),
    ...egress.flatMap(({ to = [], ports = [] }) =>
      to.length > 0 && ports.length > 0 ? [] : ['egress: open'],
    ),
    ...(metrics.length === 1 &&
    metrics[0]?.from?.every(
      ({ namespaceSelector }) =>
        namespaceSelector?.matchLabels?.['kubernetes.io/metadata.name'] === 'monitoring',
    )
      ? []
      : ['ingress: metrics']),
    ...egress.flatMap(({ to = [] }) =>
      to.flatMap(({ ipBlock }) =>
        ipBlock?.cidr.endsWith('/0') && (ipBlock.except ?? []).length === 0
          ? [`egress: all of ${ipBlock.cidr}`]
          : [],
      ),
    ),
    ...(egress.some(({ ports = [] }) => ports.some(({ port }) => port === 53)) ? [] : ['egress: no names']),
  ];
};

function isSelected(selector: Record<string, string> | undefined, labels: Record<string, string>): boolean {
  return Object.entries(selector ?? {}).every(([key, value]) => labels[key] === value);
}

/** Every name that an object uses is there: in the set, or made by hand. */
export const referenceProblems: Rule = (set) => {
  const { spec } = workloadOf(set);
  const pod = spec.template.spec;
  const labels = spec.template.metadata?.labels ?? {};
  const known = [
    ...MADE_BY_HAND,
    ...[...set.objects.values()].map(({ kind, metadata }) => `${kind}/${metadata.name}`),
  ];
  const used = [
    `ServiceAccount/${pod.serviceAccountName ?? 'default'}`,
    ...(spec.serviceName === undefined ? [] : [`Service/${spec.serviceName}`]),
    ...(pod.volumes ?? []).flatMap(({ configMap, secret, projected }) => [
      ...(configMap ? [`ConfigMap/${configMap.name ?? ''}`] : []),
      ...(secret ? [`Secret/${secret.secretName ?? ''}`] : []),
      ...(projected?.sources ?? []).flatMap((source) =>
        source.configMap ? [`ConfigMap/${source.configMap.name ?? ''}`] : [],
      ),
    ]),
  ];
  const services = ofKind(set, 'Service') as Service[];
  return [
    ...used.filter((name) => !known.includes(name)).map((name) => `${name} is missing`),
    ...(isSelected(spec.selector.matchLabels, labels) ? [] : ['selector']),
    ...services.flatMap(({ spec: service }) => [
      ...(isSelected(service?.selector, labels) ? [] : ['Service: selector']),
      ...(service?.ports ?? [])
        .filter(({ targetPort }) => !containersOf(pod).some((container) => isPortOf(container, targetPort)))
        .map(({ name }) => `Service: port ${name ?? ''}`),
    ]),
    ...[...set.objects.keys()]
      .filter((file) => !set.kustomization.resources.includes(file))
      .map((file) => `kustomization: ${file} is not listed`),
    ...set.kustomization.resources
      .filter((file) => !set.objects.has(file))
      .map((file) => `kustomization: ${file} is missing`),
    ...[...set.objects].flatMap(([file, { kind }]) =>
      file.replace(/[-.].*/, '') === kind.toLowerCase() ? [] : [`${file} holds a ${kind}`],
    ),
  ];
};

/** What Kubernetes' schema calls a string and is one of a few words. */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  restartPolicy: ['Always'],
  protocol: ['TCP', 'UDP'],
  policyTypes: ['Ingress', 'Egress'],
  medium: ['Memory'],
  accessModes: ['ReadWriteOnce', 'ReadWriteOncePod'],
  fsGroupChangePolicy: ['OnRootMismatch', 'Always'],
  whenDeleted: ['Retain', 'Delete'],
  whenScaled: ['Retain', 'Delete'],
};

/** Words that the schema lets pass, and Kubernetes does not. */
export const wordProblems: Rule = (set) => [...set.objects.values()].flatMap((object) => wrongWords(object));

function wrongWords(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(wrongWords);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]) => {
    const words = WORDS[key];
    const given: readonly unknown[] = Array.isArray(inner) ? inner : [inner];
    const wrong = words ? given.filter((word) => typeof word === 'string' && !words.includes(word)) : [];
    return [...wrong.map((word) => `${key}: ${String(word)}`), ...wrongWords(inner)];
  });
}
