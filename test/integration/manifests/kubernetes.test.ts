import { beforeAll, describe, expect, it } from 'vitest';
import { readYaml } from '../../support/manifests/example-files.ts';
import {
  containerOf,
  ofKind,
  podOf,
  readSet,
  readSets,
  setFolders,
  workloadOf,
  type KubernetesObject,
  type ManifestSet,
  type SetName,
} from '../../support/manifests/kubernetes-set.ts';
import { schemaProblems } from '../../support/manifests/kubernetes-schema.ts';
import * as rules from '../../support/manifests/manifest-rules.ts';
import { restrictedProblems } from '../../support/manifests/pod-security.ts';

const ALL_RULES: Readonly<Record<string, rules.Rule>> = {
  'the restricted Pod Security Standard': (set) => restrictedProblems(podOf(set)),
  'our own hardening': rules.hardeningProblems,
  'least privilege': rules.privilegeProblems,
  'whole mounts': rules.mountProblems,
  probes: rules.probeProblems,
  'one writer': rules.replicaProblems,
  'the network': rules.networkProblems,
  'names that are there': rules.referenceProblems,
  'words that Kubernetes knows': rules.wordProblems,
};

const sets = readSets();

it('checks every set that there is', () => {
  expect(sets.map(({ name }) => name)).toEqual(setFolders());
  for (const set of sets) expect(set.objects.size).toBeGreaterThan(4);
});

describe.each(sets)('the set $name', (set) => {
  it.each(Object.entries(ALL_RULES))('keeps to %s', (_title, rule) => {
    expect(rule(set)).toEqual([]);
  });

  it('can be moved to another namespace as a whole', () => {
    expect(set.kustomization.namespace).toBe('linq');
    for (const { metadata } of set.objects.values()) expect(metadata.namespace).toBeUndefined();
  });
});

it('keeps the namespace out of the sets, so that deleting one keeps the volume, and has it refuse loose pods', () => {
  expect(sets.flatMap((set) => ofKind(set, 'Namespace'))).toEqual([]);
  expect(readYaml('config.example/kubernetes/namespace.yaml')).toMatchObject([
    {
      kind: 'Namespace',
      metadata: { name: 'linq', labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
    },
  ]);
});

interface Mutation {
  readonly change: string;
  readonly set: SetName;
  readonly rule: keyof typeof ALL_RULES;
  readonly mutate: (set: ManifestSet) => void;
  readonly says: string;
}

const pss = 'the restricted Pod Security Standard';
const own = 'our own hardening';

const MUTATIONS: readonly Mutation[] = [
  on('hostNetwork', 'deployment', pss, (s) => (podOf(s).hostNetwork = true), 'hostNetwork'),
  on('hostPID', 'deployment', pss, (s) => (podOf(s).hostPID = true), 'hostPID'),
  on('hostIPC', 'deployment', pss, (s) => (podOf(s).hostIPC = true), 'hostIPC'),
  on(
    'a folder of the node',
    'sidecar',
    pss,
    (s) => podOf(s).volumes?.push({ name: 'node', hostPath: { path: '/' } }),
    'volume node: hostPath',
  ),
  on(
    'a privileged sidecar',
    'sidecar',
    pss,
    (s) => (contextOf(s, 'git-sync').privileged = true),
    'git-sync: privileged',
  ),
  on(
    'escalation that is not forbidden',
    'sidecar',
    pss,
    (s) => delete contextOf(s, 'receiver').allowPrivilegeEscalation,
    'receiver: allowPrivilegeEscalation',
  ),
  on(
    'capabilities that are kept',
    'persistent-volume',
    pss,
    (s) => delete contextOf(s, 'linq-gitops').capabilities,
    'linq-gitops: capabilities.drop',
  ),
  on(
    'a capability that is added',
    'deployment',
    pss,
    (s) => (contextOf(s, 'linq-gitops').capabilities = { drop: ['ALL'], add: ['NET_ADMIN'] }),
    'linq-gitops: capabilities.add NET_ADMIN',
  ),
  on(
    'root, allowed in the pod and the container',
    'deployment',
    pss,
    (s) => {
      delete podOf(s).securityContext?.runAsNonRoot;
      delete contextOf(s, 'linq-gitops').runAsNonRoot;
    },
    'linq-gitops: runAsNonRoot',
  ),
  on(
    'root by its number',
    'sidecar',
    pss,
    (s) => (contextOf(s, 'git-sync').runAsUser = 0),
    'git-sync: runAsUser',
  ),
  on(
    'no seccomp profile',
    'sidecar',
    pss,
    (s) => delete podOf(s).securityContext?.seccompProfile,
    'git-sync: seccompProfile',
  ),
  on(
    'a container without its own seccomp filter',
    'sidecar',
    pss,
    (s) => (contextOf(s, 'receiver').seccompProfile = { type: 'Unconfined' }),
    'receiver: seccompProfile',
  ),
  on(
    'a port of the node',
    'deployment',
    pss,
    (s) => (containerOf(s, 'linq-gitops').ports = [{ containerPort: 9653, hostPort: 9653 }]),
    'linq-gitops: hostPort',
  ),
  on(
    'an unmasked /proc',
    'deployment',
    pss,
    (s) => (contextOf(s, 'linq-gitops').procMount = 'Unmasked'),
    'linq-gitops: procMount',
  ),
  on(
    'an SELinux user',
    'deployment',
    pss,
    (s) => (contextOf(s, 'linq-gitops').seLinuxOptions = { user: 'root' }),
    'linq-gitops: seLinuxOptions',
  ),
  on(
    'an unsafe sysctl',
    'deployment',
    pss,
    (s) =>
      Object.assign(podOf(s).securityContext ?? {}, { sysctls: [{ name: 'kernel.msgmax', value: '1' }] }),
    'sysctl kernel.msgmax',
  ),
  on(
    'the token of the pod',
    'deployment',
    own,
    (s) => delete podOf(s).automountServiceAccountToken,
    'automountServiceAccountToken',
  ),
  on(
    'a root that can be written',
    'sidecar',
    own,
    (s) => delete contextOf(s, 'linq-gitops').readOnlyRootFilesystem,
    'linq-gitops: readOnlyRootFilesystem',
  ),
  on(
    'no user by number',
    'sidecar',
    own,
    (s) => delete contextOf(s, 'git-sync').runAsUser,
    'git-sync: runAsUser',
  ),
  on(
    'no limit of memory',
    'sidecar',
    own,
    (s) => delete containerOf(s, 'git-sync').resources?.limits?.['memory'],
    'git-sync: limits.memory',
  ),
  on(
    'the image `latest`',
    'deployment',
    own,
    (s) => (containerOf(s, 'linq-gitops').image = 'registry.example.com/linq-gitops:latest'),
    'linq-gitops: image registry.example.com/linq-gitops:latest',
  ),
  on(
    'an image without tag',
    'sidecar',
    own,
    (s) => (containerOf(s, 'receiver').image = 'registry.example.com:5000/receiver'),
    'receiver: image registry.example.com:5000/receiver',
  ),
  on(
    'the key in the environment',
    'deployment',
    own,
    (s) =>
      containerOf(s, 'linq-gitops').env?.push({
        name: 'LINQ_API_V3_API_KEY',
        valueFrom: { secretKeyRef: { name: 'linq-api-key', key: 'api-key' } },
      }),
    'linq-gitops: secret in env',
  ),
  on(
    'too little time to end',
    'deployment',
    own,
    (s) => (podOf(s).terminationGracePeriodSeconds = 10),
    'terminationGracePeriodSeconds',
  ),
  on(
    'a role over the cluster',
    'deployment',
    'least privilege',
    (s) =>
      s.objects.set('clusterrole.yaml', {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'ClusterRole',
        metadata: { name: 'all' },
      }),
    'ClusterRole all',
  ),
  on(
    'a token for everybody',
    'sidecar',
    'least privilege',
    (s) => delete tokenOf(s).audience,
    'volume vault: a token without an audience',
  ),
  on(
    'a secret in a file',
    'sidecar',
    'least privilege',
    (s) =>
      s.objects.set('secret.yaml', { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'linq-api-key' } }),
    'Secret linq-api-key in a file',
  ),
  on(
    'a single file of the ConfigMap',
    'deployment',
    'whole mounts',
    (s) => (mountOf(s, 'linq-gitops', 'subscriptions').subPath = 'subscriptions.yaml'),
    'linq-gitops: subscriptions: subPath',
  ),
  on(
    'a key that could be written to',
    'sidecar',
    'whole mounts',
    (s) => delete mountOf(s, 'linq-gitops', 'api-key').readOnly,
    'linq-gitops: api-key: not read-only',
  ),
  on(
    'a key that everybody can read',
    'persistent-volume',
    'whole mounts',
    (s) => delete podOf(s).volumes?.find(({ name }) => name === 'api-key')?.secret?.defaultMode,
    'volume api-key: mode 644',
  ),
  on(
    'a key that nobody can read',
    'deployment',
    'whole mounts',
    (s) => delete podOf(s).securityContext?.fsGroup,
    'volume api-key: no fsGroup to read it',
  ),
  on(
    'readiness of a sidecar',
    'sidecar',
    'probes',
    (s) => (containerOf(s, 'linq-gitops').readinessProbe = { httpGet: { path: '/readyz', port: 'metrics' } }),
    'readinessProbe',
  ),
  on(
    'an application that does not wait',
    'persistent-volume',
    'probes',
    (s) => delete containerOf(s, 'linq-gitops').startupProbe,
    'startupProbe',
  ),
  on(
    'liveness that depends on Linq',
    'deployment',
    'probes',
    (s) => Object.assign(containerOf(s, 'linq-gitops').livenessProbe?.httpGet ?? {}, { path: '/readyz' }),
    'livenessProbe',
  ),
  on(
    'an init container that has to end',
    'sidecar',
    'probes',
    (s) => delete containerOf(s, 'git-sync').restartPolicy,
    'git-sync: restartPolicy',
  ),
  on('two replicas', 'deployment', 'one writer', (s) => (workloadOf(s).spec.replicas = 2), 'replicas'),
  on(
    'a rolling update',
    'deployment',
    'one writer',
    (s) => (workloadOf(s).spec.strategy = { type: 'RollingUpdate' }),
    'strategy',
  ),
  on(
    'a group that is given everything at each start',
    'persistent-volume',
    'one writer',
    (s) => delete podOf(s).securityContext?.fsGroupChangePolicy,
    'fsGroupChangePolicy',
  ),
  on(
    'no policy',
    'sidecar',
    'the network',
    (s) => s.objects.delete('networkpolicy.yaml'),
    'no policy over the pods',
  ),
  on('egress to everywhere', 'sidecar', 'the network', (s) => policyOf(s).egress.push({}), 'egress: open'),
  on(
    'metrics for everybody',
    'deployment',
    'the network',
    (s) => (policyOf(s).ingress = [{ ports: [{ port: 9653 }] }]),
    'ingress: open',
  ),
  on(
    'private addresses',
    'deployment',
    'the network',
    (s) => policyOf(s).egress.push({ to: [{ ipBlock: { cidr: '0.0.0.0/0' } }], ports: [{ port: 443 }] }),
    'egress: all of 0.0.0.0/0',
  ),
  on(
    'a ConfigMap by another name',
    'deployment',
    'names that are there',
    (s) => (ofKind(s, 'ConfigMap')[0]!.metadata.name = 'other'),
    'ConfigMap/linq-gitops-settings is missing',
  ),
  on(
    'a file that kustomize does not know',
    'sidecar',
    'names that are there',
    (s) => s.kustomization.resources.pop(),
    'kustomization: networkpolicy.yaml is not listed',
  ),
  on(
    'a policy for other pods',
    'sidecar',
    'names that are there',
    (s) => (workloadOf(s).spec.template.metadata = { labels: {} }),
    'selector',
  ),
  on(
    'a word in lower case',
    'sidecar',
    'words that Kubernetes knows',
    (s) => (containerOf(s, 'git-sync').restartPolicy = 'always'),
    'restartPolicy: always',
  ),
];

it.each(MUTATIONS)('$set: $rule: notices $change', ({ set: name, rule, mutate, says }) => {
  const set = readSet(name);
  const check = ALL_RULES[rule];
  expect(check?.(set)).toEqual([]);
  mutate(set);
  expect(check?.(set)).toContain(says);
});

it('tries every rule out', () => {
  expect([...new Set(MUTATIONS.map(({ rule }) => rule))].sort()).toEqual(Object.keys(ALL_RULES).sort());
});

describe("Kubernetes' own schema", () => {
  /** What is done to the Deployment of the set `deployment`, and what the schema says to that. */
  const WRONG: readonly (readonly [(set: ManifestSet) => unknown, RegExp])[] = [
    [
      (s) => rename(containerOf(s, 'linq-gitops'), 'image', 'imagee'),
      /imagee.* does not exist in type 'Container'/,
    ],
    [
      (s) => rename(contextOf(s, 'linq-gitops'), 'runAsNonRoot', 'runAsNotRoot'),
      /runAsNotRoot.* does not exist in type 'SecurityContext'/,
    ],
    [(s) => rename(podOf(s), 'containers', 'container'), /container.* does not exist in type 'PodSpec'/],
    [(s) => rename(workloadOf(s).spec, 'selector', 'matchLabels'), /does not exist in type 'DeploymentSpec'/],
    [
      (s) => Object.assign(workloadOf(s).spec, { replicas: '1' }),
      /'string' is not assignable to type 'number'/,
    ],
    [
      (s) => Object.assign(containerOf(s, 'linq-gitops'), { args: 'run' }),
      /is not assignable to type 'string\[\]'/,
    ],
    [(s) => Object.assign(workloadOf(s), { kind: 'Deploymnt' }), /has no exported member 'Deploymnt'/],
    [(s) => Object.assign(workloadOf(s), { apiVersion: 'apps/v2' }), /not assignable to type 'never'/],
  ];
  const objects = sets.flatMap((set) => [...set.objects.values()]);
  let problems: readonly (readonly string[])[];

  beforeAll(() => {
    const wrong = WRONG.map(([mutate]): KubernetesObject => {
      const set = readSet('deployment');
      const workload = workloadOf(set);
      mutate(set);
      return workload;
    });
    problems = schemaProblems([...objects, ...wrong]);
  });

  it('accepts every object of every set', () => {
    expect(objects.length).toBeGreaterThan(15);
    expect(problems.slice(0, objects.length).flat()).toEqual([]);
  });

  it.each(WRONG.map(([, message], index) => ({ message, index })))(
    'refuses $message',
    ({ message, index }) => {
      expect(problems[objects.length + index]?.join('\n')).toMatch(message);
    },
  );
});

function on(
  change: string,
  set: SetName,
  rule: keyof typeof ALL_RULES,
  mutate: (set: ManifestSet) => unknown,
  says: string,
): Mutation {
  return { change, set, rule, mutate, says };
}

function rename(object: object, from: string, to: string): void {
  const entries = Object.entries(object).map(([key, value]: [string, unknown]) => [
    key === from ? to : key,
    value,
  ]);
  for (const key of Object.keys(object)) Reflect.deleteProperty(object, key);
  Object.assign(object, Object.fromEntries(entries));
}

function contextOf(set: ManifestSet, name: string) {
  return (containerOf(set, name).securityContext ??= {});
}

function mountOf(set: ManifestSet, container: string, volume: string) {
  const found = containerOf(set, container).volumeMounts?.find(({ name }) => name === volume);
  if (!found) throw new Error(`no mount ${volume}`);
  return found;
}

function tokenOf(set: ManifestSet) {
  const sources = (podOf(set).volumes ?? []).flatMap(({ projected }) => projected?.sources ?? []);
  const found = sources.find(({ serviceAccountToken }) => serviceAccountToken)?.serviceAccountToken;
  if (!found) throw new Error('no token');
  return found;
}

function policyOf(set: ManifestSet) {
  const [policy] = ofKind(set, 'NetworkPolicy');
  return (policy as KubernetesObject & { spec: { ingress: unknown[]; egress: unknown[] } }).spec;
}
