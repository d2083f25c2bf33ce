import { expect, it } from 'vitest';
import { readText } from '../../support/manifests/example-files.ts';
import {
  copiesOf,
  dockerfileProblems,
  imageOf,
  parseDockerfile,
} from '../../support/manifests/dockerfile.ts';

const text = readText('Dockerfile');

it('the image has production packages only, a user by number, and no shell', () => {
  expect(dockerfileProblems(parseDockerfile(text))).toEqual([]);
});

it.each([
  [
    'distroless/nodejs22-debian12:nonroot\nARG',
    'distroless/nodejs22-debian12\nARG',
    'FROM gcr.io/distroless/nodejs22-debian12',
  ],
  ['USER 65532:65532', 'USER nonroot', 'USER nonroot'],
  ['USER 65532:65532', 'USER 0', 'USER 0'],
  [
    'ENTRYPOINT ["/nodejs/bin/node", "/app/dist/cli/main.js"]',
    'ENTRYPOINT node /app/dist/cli/main.js',
    'ENTRYPOINT',
  ],
  ['CMD ["/nodejs/bin/node", "-e", ', 'CMD curl ', 'HEALTHCHECK'],
  ['COPY schema /app/schema', 'COPY . /app', 'COPY .'],
  ['ENV NODE_ENV=production', 'ENV LINQ_API_V3_API_KEY=x', 'ENV LINQ_API_V3_API_KEY=x'],
  ['npm ci --omit=dev', 'npm ci', 'development packages'],
])('%s cannot become %s unnoticed', (line, other, says) => {
  expect(text).toContain(line);
  expect(dockerfileProblems(parseDockerfile(text.replace(line, other)))).toContain(says);
});

it('nothing is sent to the builder but what is copied', () => {
  const lines = readText('.dockerignore').split('\n');
  const rules = lines.filter((line) => line !== '' && !line.startsWith('#'));
  expect(rules[0]).toBe('*');
  const copied = parseDockerfile(text)
    .flatMap(copiesOf)
    .filter(({ from }) => from === undefined)
    .flatMap(({ sources }) => sources);
  expect(rules.slice(1).sort()).toEqual([...new Set(copied)].map((path) => `!${path}`).sort());
});

it('the program finds its version and its schemas in the image, where it looks for them', () => {
  const targets = copiesOf(imageOf(parseDockerfile(text))).map(({ target }) => target);
  expect(targets).toEqual(expect.arrayContaining(['/app/', '/app/schema', '/app/node_modules', '/app/dist']));
});
