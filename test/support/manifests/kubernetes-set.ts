import { basename, dirname } from 'node:path';
import type { ConfigMap, Container, PodSpec, Volume } from 'kubernetes-types/core/v1.js';
import { listFiles, readYaml } from './example-files.ts';

const FOLDER = 'config.example/kubernetes';

/** What all objects of Kubernetes have; more is known after `schemaProblems` found nothing. */
export interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string> };
}

/** One of the sets of manifests. */
export interface ManifestSet {
  readonly name: string;
  /** By file name. */
  readonly objects: Map<string, KubernetesObject>;
  readonly kustomization: { namespace?: string; resources: string[] };
}

/** A workload: something with a pod template. */
export interface Workload extends KubernetesObject {
  spec: {
    replicas?: number;
    strategy?: { type?: string };
    serviceName?: string;
    selector: { matchLabels?: Record<string, string> };
    template: { metadata?: { labels?: Record<string, string> }; spec: PodSpec };
    volumeClaimTemplates?: { metadata: { name: string } }[];
    persistentVolumeClaimRetentionPolicy?: { whenDeleted?: string; whenScaled?: string };
  };
}

const SETS = ['deployment', 'persistent-volume', 'sidecar'] as const;
export type SetName = (typeof SETS)[number];

/** All sets, read anew, so that a test may change what it gets. */
export function readSets(): readonly ManifestSet[] {
  return SETS.map(readSet);
}

export function readSet(name: SetName): ManifestSet {
  const paths = listFiles(`${FOLDER}/${name}`);
  const objects = new Map<string, KubernetesObject>();
  let kustomization: ManifestSet['kustomization'] = { resources: [] };
  for (const path of paths) {
    const [document, ...more] = readYaml(path);
    if (more.length > 0) throw new Error(`${path}: more than one object`);
    if (basename(path) === 'kustomization.yaml') {
      kustomization = document as ManifestSet['kustomization'];
    } else {
      objects.set(basename(path), document as KubernetesObject);
    }
  }
  return { name, objects, kustomization };
}

/** Names of the folders beside each other, for a test that no set is forgotten. */
export function setFolders(): readonly string[] {
  const folders = listFiles(FOLDER).map((path) => dirname(path).slice(FOLDER.length + 1));
  return [...new Set(folders)].filter((folder) => folder !== '');
}

export function ofKind(set: ManifestSet, kind: string): readonly KubernetesObject[] {
  return [...set.objects.values()].filter((object) => object.kind === kind);
}

/** The one object of the set that runs pods. */
export function workloadOf(set: ManifestSet): Workload {
  const found = [...set.objects.values()].filter((object) => 'template' in specOf(object));
  if (found.length !== 1) throw new Error(`${set.name}: ${found.length} workloads`);
  return found[0] as Workload;
}

export function podOf(set: ManifestSet): PodSpec {
  return workloadOf(set).spec.template.spec;
}

/** All containers of a pod, sidecars and what runs before them included. */
export function containersOf(pod: PodSpec): readonly Container[] {
  return [...(pod.initContainers ?? []), ...pod.containers];
}

/** A container by its name; fails where there is none. */
export function containerOf(set: ManifestSet, name: string): Container {
  const found = containersOf(podOf(set)).find((container) => container.name === name);
  if (!found) throw new Error(`${set.name}: no container ${name}`);
  return found;
}

export function volumesOf(set: ManifestSet): readonly Volume[] {
  const claims = (workloadOf(set).spec.volumeClaimTemplates ?? []).map(({ metadata }) => ({
    name: metadata.name,
    persistentVolumeClaim: { claimName: metadata.name },
  }));
  return [...(podOf(set).volumes ?? []), ...claims];
}

/** Contents of a ConfigMap of the set. */
export function configMap(set: ManifestSet, name: string): Readonly<Record<string, string>> {
  const found = ofKind(set, 'ConfigMap').find(({ metadata }) => metadata.name === name) as
    ConfigMap | undefined;
  if (!found?.data) throw new Error(`${set.name}: no ConfigMap ${name}`);
  return found.data;
}

function specOf(object: KubernetesObject): object {
  return 'spec' in object && typeof object.spec === 'object' && object.spec !== null ? object.spec : {};
}
