import { refuse, type FakeReply, type FakeRequest } from './reply.ts';

/** KV version 1: the body is the map, and nothing is compared with anything. */
export function createKvOne(): {
  readonly secrets: Map<string, unknown>;
  handle(request: FakeRequest): FakeReply;
} {
  const secrets = new Map<string, unknown>();
  return {
    secrets,
    handle({ operation, path, body }) {
      switch (operation) {
        case 'read':
          return secrets.has(path) ? { status: 200, body: { data: secrets.get(path) } } : refuse(404);
        case 'write':
          if (Object.keys(body).length === 0) return refuse(400, 'missing data fields');
          secrets.set(path, body);
          return { status: 204 };
        case 'delete':
          secrets.delete(path);
          return { status: 204 };
        case 'list': {
          const keys = [...secrets.keys()].filter((key) => key.startsWith(path));
          return keys.length === 0 ? refuse(404) : { status: 200, body: { data: { keys } } };
        }
        case 'patch':
          return refuse(405, 'unsupported operation');
      }
    },
  };
}
