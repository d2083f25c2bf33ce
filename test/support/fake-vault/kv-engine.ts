import { refuse, type FakeReply, type FakeRequest } from './reply.ts';

interface StoredVersion {
  data: unknown;
  readonly created_time: string;
  deletion_time: string;
  destroyed: boolean;
}

/** A secret of a KV engine, version 2. */
interface StoredSecret {
  current: number;
  readonly created: string;
  updated: string;
  custom: Record<string, string> | null;
  readonly versions: Map<number, StoredVersion>;
}

export interface KvEngine {
  readonly config: { cas_required: boolean; max_versions: number; delete_version_after: string };
  /** By path below the mount; for tests to look at, or to do what an administrator can. */
  readonly secrets: Map<string, StoredSecret>;
  handle(request: FakeRequest): FakeReply;
}

/** What a server before 1.9 lacks. */
export interface KvSwitches {
  readonly hasPatch: boolean;
}

type Area = 'data' | 'metadata' | 'delete' | 'undelete' | 'destroy';

/** KV version 2, after path_data.go: texts, statuses and the forms of its four 404s are those of a real server. */
export function createKvEngine(timestamp: () => string, switches: () => KvSwitches): KvEngine {
  const secrets = new Map<string, StoredSecret>();
  const config = { cas_required: false, max_versions: 0, delete_version_after: '0s' };

  function secretAt(path: string): StoredSecret {
    const time = timestamp();
    const secret = secrets.get(path) ?? {
      current: 0,
      created: time,
      updated: time,
      custom: null,
      versions: new Map<number, StoredVersion>(),
    };
    secrets.set(path, secret);
    return secret;
  }

  function read(path: string, query: URLSearchParams): FakeReply {
    const secret = secrets.get(path);
    const number = Number(query.get('version') ?? 0) || (secret?.current ?? 0);
    const version = secret?.versions.get(number);
    if (secret === undefined || version === undefined) return refuse(404);
    const isGone = version.destroyed || version.deletion_time !== '';
    const metadata = { ...metadataOf(number, version), custom_metadata: secret.custom };
    // A real server answers what is deleted with 404 and the whole envelope, without `errors`.
    return { status: isGone ? 404 : 200, body: { data: { data: isGone ? null : version.data, metadata } } };
  }

  function write(path: string, body: Record<string, unknown>): FakeReply {
    const options = (body['options'] ?? {}) as { cas?: unknown };
    if (typeof body['data'] !== 'object' || body['data'] === null) return refuse(400, 'no data provided');
    const current = secrets.get(path)?.current ?? 0;
    if (options.cas === undefined && config.cas_required) {
      return refuse(400, 'check-and-set parameter required for this call');
    }
    if (options.cas !== undefined && Number(options.cas) !== current) {
      return refuse(400, 'check-and-set parameter did not match the current version');
    }
    const secret = secretAt(path);
    const time = timestamp();
    const version = { data: body['data'], created_time: time, deletion_time: '', destroyed: false };
    secret.current = current + 1;
    secret.updated = time;
    secret.versions.set(secret.current, version);
    const keep = config.max_versions === 0 ? 10 : config.max_versions;
    for (const number of [...secret.versions.keys()]) {
      if (number <= secret.current - keep) secret.versions.delete(number);
    }
    return {
      status: 200,
      body: { data: { ...metadataOf(secret.current, version), custom_metadata: secret.custom } },
    };
  }

  function putMetadata(path: string, body: Record<string, unknown>, isPatch: boolean): FakeReply {
    if (isPatch && !secrets.has(path)) return refuse(404);
    const given = body['custom_metadata'];
    if (given === undefined) return { status: 204 };
    const entries = Object.entries(given as Record<string, unknown>);
    if (
      entries.length > 64 ||
      entries.some(([key, value]) => key.length > 128 || String(value).length > 512)
    ) {
      return refuse(400, 'custom_metadata validation failed');
    }
    const secret = secretAt(path);
    const merged = new Map<string, unknown>(Object.entries(isPatch ? (secret.custom ?? {}) : {}));
    for (const [key, value] of entries) {
      if (value === null) merged.delete(key);
      else merged.set(key, value);
    }
    secret.custom = Object.fromEntries(merged) as Record<string, string>;
    return { status: 204 };
  }

  function change(path: string, numbers: unknown, apply: (version: StoredVersion) => void): FakeReply {
    const versions = secrets.get(path)?.versions;
    for (const number of Array.isArray(numbers) ? numbers : []) {
      const version = versions?.get(Number(number));
      if (version !== undefined) apply(version);
    }
    return { status: 204 };
  }

  function metadata(path: string, request: FakeRequest): FakeReply {
    const { operation, body } = request;
    if (operation === 'list') return list(path);
    if (operation === 'delete') return { status: secrets.delete(path) ? 204 : 204 };
    if (operation === 'write') return putMetadata(path, body, false);
    if (operation === 'patch') return putMetadata(path, body, true);
    const secret = secrets.get(path);
    if (secret === undefined) return refuse(404);
    const versions = Object.fromEntries(
      [...secret.versions].map(([number, { data, ...version }]) => [String(number), version]),
    );
    return {
      status: 200,
      body: {
        data: {
          current_version: secret.current,
          oldest_version: Math.min(...secret.versions.keys()),
          created_time: secret.created,
          updated_time: secret.updated,
          custom_metadata: secret.custom,
          versions,
        },
      },
    };
  }

  function list(path: string): FakeReply {
    const folder = path === '' ? '' : `${path.replace(/\/$/, '')}/`;
    const below = [...secrets.keys()].filter((key) => key.startsWith(folder));
    const keys = new Set(below.map((key) => key.slice(folder.length).replace(/\/.*$/, '/')));
    return keys.size === 0 ? refuse(404) : { status: 200, body: { data: { keys: [...keys].sort() } } };
  }

  function data(path: string, { operation, body, query }: FakeRequest): FakeReply {
    switch (operation) {
      case 'read':
        return read(path, query);
      case 'write':
        return write(path, body);
      case 'delete':
        return change(path, [secrets.get(path)?.current], (version) => (version.deletion_time = timestamp()));
      case 'patch':
      case 'list':
        return refuse(405, 'unsupported operation');
    }
  }

  return {
    config,
    secrets,
    handle(request) {
      const [, area = '', path = ''] = /^([^/]*)\/?(.*)$/.exec(request.path) ?? [];
      if (request.operation === 'patch') {
        if (!switches().hasPatch) return refuse(405, 'unsupported operation');
        if (request.contentType !== 'application/merge-patch+json') {
          return refuse(415, 'PATCH requires Content-Type of "application/merge-patch+json"');
        }
      }
      if (area === 'config') {
        if (request.operation === 'write') Object.assign(config, request.body);
        return request.operation === 'write'
          ? { status: 204 }
          : { status: 200, body: { data: { ...config } } };
      }
      const { versions } = request.body;
      switch (area as Area) {
        case 'data':
          return data(path, request);
        case 'metadata':
          return metadata(path, request);
        case 'delete':
          return change(path, versions, (version) => (version.deletion_time = timestamp()));
        case 'undelete':
          return change(path, versions, (version) => (version.deletion_time = ''));
        case 'destroy':
          return change(path, versions, (version) => {
            version.destroyed = true;
            version.data = null;
          });
      }
      const warnings = ['Invalid path for a versioned K/V secrets engine. See the API docs.'];
      return { status: 404, body: { data: null, warnings } };
    },
  };
}

function metadataOf(number: number, { data, ...version }: StoredVersion): Record<string, unknown> {
  return { version: number, ...version };
}
